-- Tries again at once what was refused or has failed: docs/conditions.md, "When something is tried again".
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["slipway.dev/reconcile-now"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj

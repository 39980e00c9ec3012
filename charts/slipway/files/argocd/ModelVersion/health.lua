-- Health of a ModelVersion of slipway.dev: whether status.resolved answers what Git asks for.
-- docs/argocd.md explains each answer. It reads the conditions as kstatus does: of Reconciling and Stalled, the first
-- in the list decides.

-- Conditions that warn, and change no health.
local warns = { UnpinnedReference = true }

local function words(condition)
  local reason = condition.reason or condition.type
  if condition.message == nil or condition.message == "" then
    return reason
  end
  return reason .. ": " .. condition.message
end

local function beside(condition)
  if condition.type == condition.reason then
    return words(condition)
  end
  return condition.type .. ", " .. words(condition)
end

local status = obj.status or {}
local ready = nil
local verdict = nil -- the first of Reconciling and Stalled
local rest = {} -- what else there is to say
for _, condition in ipairs(status.conditions or {}) do
  if condition.type == "Ready" then
    ready = condition
  elseif condition.status == "True" then
    local decides = condition.type == "Reconciling" or condition.type == "Stalled"
    if decides and verdict == nil then
      verdict = condition
    elseif decides or warns[condition.type] then
      table.insert(rest, beside(condition))
    end
  end
end

local seen = status.observedGeneration
local generation = obj.metadata.generation
local outdated = seen ~= nil and generation ~= nil and seen ~= generation

if obj.metadata.deletionTimestamp ~= nil then
  local message = "Pending deletion"
  if obj.metadata.finalizers ~= nil and #obj.metadata.finalizers > 0 then
    message = message .. "; waits for " .. table.concat(obj.metadata.finalizers, ", ")
  end
  return { status = "Progressing", message = message }
end

if ready == nil then
  return { status = "Progressing", message = "Slipway has not looked at it yet" }
end

if outdated then
  return {
    status = "Progressing",
    message = "Slipway has not looked at generation " .. generation .. " yet, only at " .. seen,
  }
end

local hs = {}
if verdict == nil then
  hs.status = ready.status == "True" and "Healthy" or "Progressing"
  hs.message = words(ready)
else
  hs.status = verdict.type == "Reconciling" and "Progressing" or "Degraded"
  hs.message = words(verdict)
  if ready.status == "True" then
    -- The look failed, but the commit of the last one still counts.
    hs.message = hs.message .. " (" .. words(ready) .. ")"
  end
end
if status.candidate ~= nil and status.candidate.waitingFor ~= nil then
  table.insert(rest, "a commit waits for " .. status.candidate.waitingFor)
end
if #rest > 0 then
  hs.message = hs.message .. " | " .. table.concat(rest, " | ")
end
return hs

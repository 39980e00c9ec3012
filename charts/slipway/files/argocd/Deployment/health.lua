-- Health of a Deployment of slipway.dev: whether what Git asks for is what serves.
-- docs/argocd.md explains each answer. It reads the conditions as kstatus does: of Reconciling and Stalled, the first
-- in the list decides.

-- Conditions that warn, and change no health.
local warns = {
  BindingFailed = true,
  Drifted = true,
  Limited = true,
  OptionalApiMissing = true,
  OptionalRefused = true,
  UnpinnedReference = true,
}

-- Reasons of Stalled for which it is as somebody wished: it stands still until the spec changes.
local rests = { Expired = true, ScaledToZero = true }

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
  if verdict ~= nil and not outdated then
    message = message .. "; " .. words(verdict)
  elseif obj.metadata.finalizers ~= nil and #obj.metadata.finalizers > 0 then
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
  if verdict.type == "Reconciling" then
    hs.status = "Progressing"
  elseif rests[verdict.reason] then
    hs.status = "Suspended"
  else
    hs.status = "Degraded"
  end
  hs.message = words(verdict)
  if ready.status == "True" then
    -- Not what is wanted, but something answers.
    hs.message = hs.message .. " (" .. words(ready) .. ")"
  end
end
if #rest > 0 then
  hs.message = hs.message .. " | " .. table.concat(rest, " | ")
end
return hs

"""Argo CD's Lua: Lua 5.1 with no more of its libraries than Argo CD opens, so that a script which uses more fails.

In util/lua/lua.go those are package, base, table, and an `os` that has `time` and `date` alone (oslib_safe.go). There
is no `string`, nor are there its methods, as in `("x"):upper()`.
https://github.com/argoproj/argo-cd/blob/master/util/lua/lua.go
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lupa import lua51

HEALTH = frozenset({"Healthy", "Progressing", "Degraded", "Suspended", "Missing", "Unknown"})
"""What Argo CD takes for a health: https://github.com/argoproj/argo-cd/blob/master/gitops-engine/pkg/health/health.go"""

_SANDBOX = """
getmetatable("").__index = nil
local base = {
  "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "print", "rawequal", "rawget", "rawset",
  "select", "setmetatable", "tonumber", "tostring", "type", "unpack", "xpcall", "_VERSION",
}
local here, load, setenv = _G, loadstring, setfenv
local safe_os = { time = os.time, date = os.date }
return function(source, obj)
  local env = { obj = obj, table = {}, os = safe_os }
  for _, name in here.ipairs(base) do env[name] = here[name] end
  for name, value in here.pairs(here.table) do env.table[name] = value end
  env._G = env
  env.require = function(name)
    if name ~= "os" then here.error("module " .. name .. " not found") end
    return safe_os
  end
  local chunk, wrong = load(source)
  if chunk == nil then here.error(wrong) end
  return setenv(chunk, env)()
end
"""


class Health(NamedTuple):
    """What a health script says."""

    status: str
    message: str


class Script:
    """A Lua script of a customisation."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._lua: Any = lua51.LuaRuntime(register_eval=False, register_builtins=False, unpack_returned_tuples=True)
        self._run: Any = self._lua.execute(_SANDBOX)

    @classmethod
    def at(cls, path: Path) -> "Script":
        """The script in a file."""
        return cls(path.read_text())

    def run(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """The table that it returns. Raises LuaError where Argo CD would show `Unknown`."""
        found = self._run(self._source, self._lua.table_from(obj, recursive=True))
        if lua51.lua_type(found) != "table":
            raise AssertionError(f"the script returned {found!r}: Argo CD expects a table")
        result: dict[str, Any] = _plain(found)
        return result

    def health(self, obj: Mapping[str, Any]) -> Health:
        """What it says about an object, as Argo CD decodes it."""
        found = self.run(obj)
        assert set(found) <= {"status", "message"}, found
        assert found["status"] in HEALTH, found
        assert isinstance(found["message"], str), found
        return Health(**found)


def _plain(value: Any) -> Any:
    """A Lua table as a dict, or as a list where its keys are 1, 2, 3, …"""
    if lua51.lua_type(value) != "table":
        return value
    pairs = {key: _plain(child) for key, child in value.items()}
    return list(pairs.values()) if pairs and list(pairs) == list(range(1, len(pairs) + 1)) else pairs

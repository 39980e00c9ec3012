"""How tools that apply manifests from Git judge an object: Argo CD by Lua, Flux and Helm by kstatus."""

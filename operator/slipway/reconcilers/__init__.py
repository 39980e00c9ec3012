"""One module a resource: gather, plan, execute one step, report."""

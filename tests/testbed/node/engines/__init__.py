"""Look-alikes of text-generation-inference and vLLM, as processes: no models, but everything around one.

They read what the engines read (arguments, environment, the Hub or a cache folder), refuse what the engines refuse in
their words and with their exit codes, open their port only after loading, and say in every answer which model at which
commit they were started with. They use the standard library alone and wait without polling: dozens of them are cheap.
"""

"""A real cluster on one Linux machine, without Docker: control plane, scheduler and nodes whose pods run.

Each machine of it (`machine.py`) is a set of namespaces: network, processes, mounts. On a node run containerd, runc,
the kubelet and kube-proxy (`node.py`), in a network that reaches this machine and nothing else (`network.py`). GPUs are
advertised, as Kubernetes documents for extended resources; nothing that asks for one needs hardware.

Everything ends with the process that started it, also when that is killed: the kernel takes the namespaces away, and
with them processes and mounts. What stays are empty cgroups, the folder (`folder.py`) and for minutes the link to this
machine; the next start removes them.

What it does not have: cluster DNS, and a network plugin that enforces NetworkPolicies. And it is Kubernetes 1.20:
see docs/decisions/0023. `tests.testbed.node` is the double of a node: it needs no root, and makes troubles when asked.
"""

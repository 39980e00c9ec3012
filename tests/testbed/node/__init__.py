"""A believable GPU node for tests: scheduler, kubelet, container runtime, device plugin and service network.

The control plane beside it is real, so Deployments, ReplicaSets, Jobs, Endpoints, volumes' binding and garbage
collection are as well. Here is what a machine with GPUs adds: `tests.testbed.node.nodes.Nodes`, and
`tests.testbed.node.service_network.ServiceNetwork` for clients. For those outside there is
`tests.testbed.node.gateway.Gateway`, where a cluster has the Gateway API (`tests.testbed.node.gateway_api`).
Containers are processes of this machine: look-alikes of the engines (`tests.testbed.node.engines`), or the pod's own
command.

It is a double: no container runs, and no root is needed. Pods that do run are `tests.testbed.real_node`'s.

This package imports nothing here: the look-alikes start by the dozen, and each would pay for it.
"""

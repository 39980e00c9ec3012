"""`make move-demo`: one Deployment moves from SageMaker into the cluster, and its client does not notice.

stage.py   what this story needs beside the first one: a node with a GPU, its network, and the way to AWS by name
client.py  the client, as a person would start it: examples/client/ask.py, and the Secret as a pod mounts it
story.py   what a person is shown, act by act
"""

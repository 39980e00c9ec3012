"""`make demo`: the whole path on this machine, from `kubectl apply` to an answer, a roll, and nothing left.

quickstart.py   reads examples/quickstart.yaml, the file that is applied
stage.py        starts everything, and takes it away: guest.py where the cluster is somebody else's
story.py        what a person is shown, act by act
watching.py     waits for the resources, and says at once when something goes wrong
rows.py         from two objects to the rows of a table (pure)
screen.py       the terminal: a live table, or one line for each change
caller.py       the user who asks the endpoint
interrupts.py   Ctrl-C and SIGTERM
"""

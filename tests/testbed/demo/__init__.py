"""`make demo`: the whole path on this machine, from `kubectl apply` to an answer, a roll, and nothing left.

quickstart.py   reads examples/quickstart.yaml, the file that is applied
story.py        what a person is shown, act by act
caller.py       the user who asks the endpoint
move/           `make move-demo`, the second story

Of both stories:

beginning.py    signals first, imports later
command.py      says what is real, runs a story, and reports how it went
stage.py        starts everything, and takes it away: guest.py where the cluster is somebody else's
telling.py      what every story tells in the same words
watching.py     waits for the resources, and says at once when something goes wrong
rows.py         from objects to the rows of a table (pure)
screen.py       the terminal: a live table, or one line for each change
interrupts.py   Ctrl-C and SIGTERM
"""

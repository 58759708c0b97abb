"""What the acceptance tests stand on: the daemon under test, clients, events, the corpus.

Nothing in here knows how the daemon works inside. It is started as an operator starts it and is
judged by what comes out of its sockets, its exit code and its standard error.
"""

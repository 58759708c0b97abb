"""Nearly as many clients as there may be, and a large package while they talk."""

import contextlib
import threading

import picture
from tinycot import events
from tinycot.client import Crowd
from tinycot.marti import Package

CLIENTS = 100
_PACKAGE_BYTES = 20_000_000


@contextlib.contextmanager
def hundred_clients(machine):
    """They are all there, and have seen each other and a package come and go."""
    crowd = Crowd()
    try:
        clients = [crowd.join(machine.cot_port, events.somebody(number))
                   for number in range(CLIENTS)]
        for client in clients:
            crowd.answer(client)
        crowd.fence(clients[0], clients[1:])
        failures = []
        transfer = threading.Thread(target=_transfer, args=(machine, failures))
        transfer.start()
        while transfer.is_alive():
            for client in clients[:10]:
                client.send(client.person.position())
            crowd.run_for(1)
        transfer.join()
        assert not failures, failures
        crowd.fence(clients[0], clients[1:])
        yield clients
        assert not [client for client in clients if client.closed]
    finally:
        crowd.close()


def _transfer(machine, failures):
    try:
        package = Package.of_size(_PACKAGE_BYTES)
        picture.phone(machine).publish(package)
        picture.check_package(machine, package)
    except Exception as error:
        failures.append(error)

"""The network: the SDK behind one door. What it and its HTTP client raise becomes one of our errors.

    gateway = Gateway(asked, headers, timeout=600, max_retries=2, watcher=Watcher(), on_warning=print)
    with gateway.ask(request) as reply:
        for event in reply.events():
            ...

Inside, imports go one way: background, proxies, reexports → unreached → sdk → reply, calls → attempts
→ debug.
"""

from respan_cli.gateway.client import Gateway, Sent, Wait, Watcher
from respan_cli.gateway.http import Called, Connecting
from respan_cli.gateway.response import Reply
from respan_cli.gateway.sdk import deprecation, load_sdk, preload

__all__ = [
    "Called",
    "Connecting",
    "Gateway",
    "Reply",
    "Sent",
    "Wait",
    "Watcher",
    "deprecation",
    "load_sdk",
    "preload",
]

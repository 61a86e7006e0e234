"""Lets answers that do not end pass as they come.

    mitmdump -w capture.mitm -s addons/streams.py --set stream_large_bodies=10m

By itself mitmproxy passes an answer on when it is over: a stream of events (text/event-stream) never is, so the app
that waits for it gets nothing. With `stream_large_bodies`, which `phonehome proxy` sets, bodies of more than that pass
so as well, in both directions, and need no memory. What passed so is not in the capture: the report counts it as not
read, with its length where the head says it.
"""

from mitmproxy import http

EVENTS = "text/event-stream"
"""The type of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""


class Streams:
    """The addon. It has no state."""

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        response = flow.response
        if response is not None and EVENTS in response.headers.get("content-type", "").lower():
            response.stream = True


addons = [Streams()]

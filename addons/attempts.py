"""Sees to it that what a phone tried leaves a trace, although nothing came of it.

    mitmdump -w capture.mitm --set connection_strategy=lazy -s addons/attempts.py

Where mitmproxy stands between a phone and its destination (WireGuard, transparent mode), it connects first by default
(`connection_strategy=eager`), and when the destination does not answer it drops the phone's connection, with all that
was sent in it. `lazy`, which `phonehome proxy` uses, takes what is sent first. Three things are left to do:

- TCP that is not HTTP: mitmproxy connects before it passes the bytes on. Here they are in the flow before.
- A destination that speaks first (mail, for one): with `lazy` both sides wait. Here the proxy connects when the phone
  has said nothing for a while.
- A connection that fails before there is any flow, with `eager`, or of a CONNECT: here it becomes one.
"""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from mitmproxy import connection, ctx, dns, flow, http, tcp, udp
from mitmproxy.proxy import commands, events, layer, layers, mode_specs, server_hooks
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.tcp import TcpErrorHook, TcpMessageHook, TcpStartHook

SILENCE: Final = 2.0
"""Seconds without a word of the phone, after which its destination is asked whether it speaks first."""

_EXPLICIT: Final = (
    mode_specs.RegularMode,
    mode_specs.UpstreamMode,
    mode_specs.ReverseMode,
    mode_specs.DnsMode,
)
"""Modes in which a connection says itself where it is to go, or in which that does not matter."""


class Attempts:
    """The addon. Its state is the connections of phones that have not come to a flow yet."""

    def __init__(self) -> None:
        self._flowless: set[str] = set()
        """By the id of the phone's connection, as the others."""
        self._silent: dict[str, asyncio.TimerHandle] = {}
        """Those in which the phone has said nothing, and what ends its patience."""
        self._asking: set[str] = set()
        """Those whose destination is being asked instead."""
        self._tasks: set[asyncio.Task[None]] = set()

    def client_connected(self, client: connection.Client) -> None:
        self._flowless.add(client.id)
        if client.transport_protocol == "tcp" and not isinstance(client.proxy_mode, _EXPLICIT):
            self._wait_for_words(client)

    def http_connect(self, flow: http.HTTPFlow) -> None:
        self._flowless.add(flow.client_conn.id)

    def http_connected(self, flow: http.HTTPFlow) -> None:
        self._wait_for_words(flow.client_conn)

    def client_disconnected(self, client: connection.Client) -> None:
        self._known(client)

    # What the phone sends before there is a connection.

    def next_layer(self, nextlayer: layer.NextLayer) -> None:
        context, said = nextlayer.context, nextlayer.data_client()
        if not said:
            if context.client.id in self._asking:
                self._asking.remove(context.client.id)
                _replace(nextlayer, ConnectFirst)
            return
        self._heard(context.client)
        if nextlayer.layer is None:  # loaded as a script, this hook comes before mitmproxy's own
            ctx.master.addons.get("nextlayer").next_layer(nextlayer)
        chosen = nextlayer.layer
        if type(chosen) is layers.TCPLayer and chosen.flow is not None and not context.server.connected:
            _replace(nextlayer, partial(SayFirst, said=said))

    def _wait_for_words(self, client: connection.Client) -> None:
        if ctx.options.connection_strategy == "lazy":
            loop = asyncio.get_running_loop()
            self._silent[client.id] = loop.call_later(SILENCE, self._ask, client)

    def _heard(self, client: connection.Client) -> None:
        timer = self._silent.pop(client.id, None)
        if timer is not None:
            timer.cancel()

    def _ask(self, client: connection.Client) -> None:
        handler = ctx.master.addons.get("proxyserver").connections.get(client.id)
        if self._silent.pop(client.id, None) is not None and handler is not None:
            # Nothing is received, but it makes mitmproxy ask for the next layer.
            self._asking.add(client.id)
            task = asyncio.ensure_future(handler.server_event(events.DataReceived(client, b"")))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    # What never becomes a flow.

    async def server_connect_error(self, data: server_hooks.ServerConnectionHookData) -> None:
        if data.client.id not in self._flowless:
            return  # the flow says so
        self._known(data.client)
        kept = tcp.TCPFlow(data.client, data.server)
        kept.error = flow.Error(data.server.error or "no connection", time.time())
        kept.comment = "phonehome: tried, but there was no connection; what would have been sent is not known"
        addons = ctx.master.addons
        await addons.handle_lifecycle(TcpStartHook(kept))
        await addons.handle_lifecycle(TcpErrorHook(kept))

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        self._known(flow.client_conn)

    def tcp_start(self, flow: tcp.TCPFlow) -> None:
        self._known(flow.client_conn)

    def udp_start(self, flow: udp.UDPFlow) -> None:
        self._known(flow.client_conn)

    def dns_request(self, flow: dns.DNSFlow) -> None:
        self._known(flow.client_conn)

    def _known(self, client: connection.Client) -> None:
        self._flowless.discard(client.id)
        self._asking.discard(client.id)
        self._heard(client)


def _replace(nextlayer: layer.NextLayer, make: Callable[[Context], layer.Layer]) -> None:
    """Puts another layer in the place of one that may have been chosen already. It is not told again what was
    received so far."""
    if nextlayer.layer is not None:
        nextlayer.context.layers.remove(nextlayer.layer)
    nextlayer.events[:] = [event for event in nextlayer.events if not isinstance(event, events.DataReceived)]
    nextlayer.layer = make(nextlayer.context)


class ConnectFirst(layer.Layer):
    """Connects, and waits for whoever speaks first: a destination that does is passed on as it is. If it is the phone
    after all, the connection is given up, and all goes its usual way."""

    def _handle_event(self, event: events.Event) -> layer.CommandGenerator[None]:
        error = yield commands.OpenConnection(self.context.server)
        self._handle_event = self._first  # type: ignore[method-assign]
        if error:
            yield from self._give_up()

    def _first(self, event: events.Event) -> layer.CommandGenerator[None]:
        server = self.context.server
        assert isinstance(event, events.ConnectionEvent)
        if isinstance(event, events.ConnectionClosed):
            yield from self._give_up()
        elif event.connection == server:
            yield from self._go_on(layers.TCPLayer(self.context), event)
        else:
            yield commands.CloseConnection(server)
            self.context.server = connection.Server(address=server.address, transport_protocol="tcp")
            yield from self._go_on(layer.NextLayer(self.context), event, given_up=server)

    def _go_on(
        self, child: layer.Layer, event: events.Event, given_up: connection.Server | None = None
    ) -> layer.CommandGenerator[None]:
        def hand_on(event: events.Event) -> layer.CommandGenerator[None]:
            if not isinstance(event, events.ConnectionEvent) or event.connection is not given_up:
                yield from child.handle_event(event)

        self._handle_event = hand_on  # type: ignore[method-assign]
        yield from child.handle_event(events.Start())
        yield from child.handle_event(event)

    def _give_up(self) -> layer.CommandGenerator[None]:
        self._handle_event = _done  # type: ignore[method-assign, assignment]
        yield commands.CloseConnection(self.context.server)
        yield commands.CloseConnection(self.context.client)


def _done(_: events.Event) -> layer.CommandGenerator[None]:
    yield from ()


class SayFirst(layers.TCPLayer):
    """As mitmproxy's, but what the phone has said is in the flow before the connection is tried."""

    def __init__(self, context: Context, said: bytes) -> None:
        super().__init__(context)
        self._said = said

    def start(self, _: events.Event) -> layer.CommandGenerator[None]:
        assert self.flow is not None
        message = tcp.TCPMessage(True, self._said)
        self._said = b""
        yield TcpStartHook(self.flow)
        self.flow.messages.append(message)
        yield TcpMessageHook(self.flow)
        error = yield commands.OpenConnection(self.context.server)
        if error:
            self.flow.error = flow.Error(str(error))
            yield TcpErrorHook(self.flow)
            yield commands.CloseConnection(self.context.client)
            self._handle_event = self.done  # type: ignore[method-assign]
            return
        self._handle_event = self.relay_messages  # type: ignore[method-assign]
        yield commands.SendData(self.context.server, message.content)

    _handle_event = start


addons = [Attempts()]

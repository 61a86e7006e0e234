"""Packets: pcap and pcapng, without system programs.

Strategy: `blocks` cuts a file into frames, `layers` finds the transport in a frame, `conversations` joins streams
and hands them to what speaks the protocol (`http1`, `http2`, `tls`, `quic`, `dns`, ...), which makes Transmissions as
exchanges end. None of these does I/O. `devices` tells phones from routers; `source` opens the file.

A file is read twice: once for what must be known before (devices, DNS names, keys), once for what was sent. Everything
that grows with a stranger's input has a bound.
"""

"""DNS messages."""

import dns.message
import dns.rrset
from hypothesis import given
from hypothesis import strategies as st

from phonehome.analysis.sources.packets.dns import DnsMessage, parse
from tests.sources.packets.build import dns_message


def test_a_question_and_its_answer() -> None:
    assert parse(dns_message(7, "A.Example")) == DnsMessage(7, False, ("a.example",), ())
    answer = dns_message(7, "a.example", ["192.0.2.1", "192.0.2.2"], answer=True)
    assert parse(answer) == DnsMessage(7, True, ("a.example",), ("192.0.2.1", "192.0.2.2"))


def test_what_another_library_writes() -> None:
    message = dns.message.make_response(dns.message.make_query("www.a.example", "AAAA"))
    message.answer.append(dns.rrset.from_text("www.a.example.", 60, "IN", "CNAME", "x.b.example."))
    message.answer.append(dns.rrset.from_text("x.b.example.", 60, "IN", "AAAA", "2001:db8::1"))
    found = parse(message.to_wire())
    assert found is not None
    assert (found.questions, found.addresses) == (("www.a.example",), ("2001:db8::1",))


def test_a_name_that_points_at_itself_is_none() -> None:
    assert parse(dns_message(7, "a.example")[:12] + b"\xc0\x0c\x00\x01\x00\x01") is None


def test_of_a_message_that_is_cut_off_what_is_whole() -> None:
    found = parse(dns_message(7, "a.example", ["192.0.2.1", "192.0.2.2"], answer=True)[:-1])
    assert found is not None
    assert found.addresses == ("192.0.2.1",)


@given(st.binary(max_size=80), st.integers(0, 60))
def test_nothing_raises(noise: bytes, place: int) -> None:
    parse(noise)
    parse(dns_message(7, "a.example", ["192.0.2.1"], answer=True)[:place] + noise)

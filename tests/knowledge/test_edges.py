"""Headers and names in which networks say where a machine is."""

import pytest

from phonehome.analysis.knowledge import shipped
from phonehome.analysis.knowledge.schema import EdgeHeader

EDGES = shipped().edges
ALL = [edge for edges in EDGES.by_header.values() for edge in edges]


def edge(header: str, network: str) -> EdgeHeader:
    return next(edge for edge in EDGES.by_header[header] if edge.network == network)


@pytest.mark.parametrize(
    ("header", "network", "value", "code"),
    [
        ("cf-ray", "Cloudflare", "230b030023ae2822-SJC", "sjc"),
        ("cf-ray", "Cloudflare", "230b030023ae2822", None),
        ("cf-ray", "Cloudflare", "SJC", None),
        ("x-amz-cf-pop", "CloudFront", "SFO53-P4", "sfo"),
        ("x-served-by", "Fastly", "cache-iad-kjyo7100040-IAD, cache-ams21032-AMS", "ams"),
        ("x-served-by", "Fastly", "web1-PAR", None),
        ("via", "Apple's content network", "1.1 varnish", None),
        ("via", "Alibaba's content network", "cache13.l2de2[0,0,304-0,H], cache5.us4[3,3,200-0,H]", "us"),
        ("server", "Bunny", "BunnyCDN-UK1-830", "uk"),
        ("x-77-pop", "CDN77", "newyorkUS", "us"),
        # California, Virginia and Illinois are neither Canada, nor the Vatican, nor Israel.
        ("x-77-pop", "CDN77", "losangelesUSCA", "us"),
        ("x-77-pop", "CDN77", "ashburnUSVA", "us"),
        ("x-77-pop", "CDN77", "sanjoseUSC", "us"),
        ("x-77-pop", "CDN77", "torontoCA", "ca"),
        ("x-77-pop", "CDN77", "frankfurtDE", "de"),
        ("x-77-pop", "CDN77", "ams", None),
        # The last proxy that a response passed is the nearest (RFC 9110, 7.6.3).
        (
            "via",
            "Apple's content network",
            "http/1.1 nlams2-edge-bx-013.ts.apple.com (acdn/288.16361), "
            "http/1.1 proximus-bebru1a-fe-002.ec.edge.apple (acdn/260.16276)",
            "bebru",
        ),
        (
            "via",
            "Apple's content network",
            "http/1.1 ussjc2-vp-vst-008.ts.apple.com (ApacheTrafficServer/8.0.5), "
            "http/1.1 hkhkg3-edge-bx-006.ts.apple.com (ApacheTrafficServer/9.0.3)",
            "hkhkg",
        ),
        (
            "x-msedge-ref",
            "Azure Front Door",
            "Ref A: 9A Ref B: FRAEDGE1410 Ref C: 2023-01-21T18:49:38Z",
            "fra",
        ),
        (
            "x-msedge-ref",
            "Azure Front Door",
            "Ref A: 9A Ref B: DB3EDGE1410 Ref C: 2023-01-21T18:49:38Z",
            "db",
        ),
    ],
)
def test_what_is_read(header: str, network: str, value: str, code: str | None) -> None:
    assert edge(header, network).read(value) == code


def test_whose_address_it_is() -> None:
    cloudfront = edge("x-amz-cf-pop", "CloudFront")
    assert cloudfront.is_of(16509, "aws", "GLOBAL", "CLOUDFRONT")
    assert cloudfront.is_of(16509, "aws", "eu-west-1", "CLOUDFRONT")
    assert not cloudfront.is_of(16509, "aws", "eu-west-1", "")
    assert not cloudfront.is_of(16509, "", "", "")
    assert edge("cf-ray", "Cloudflare").is_of(13335, "", "", "")
    assert not edge("cf-ray", "Cloudflare").is_of(None, "", "", "")


@pytest.mark.parametrize("found", ALL, ids=lambda edge: f"{edge.network} {edge.header}")
def test_a_hostile_value_is_read_in_time(found: EdgeHeader) -> None:
    """A pattern that goes back over the text again and again runs into the limit of this test."""
    for hostile in ("a" * 400, "cache-" * 80, "0123456789abcdef-" * 24, "[, " * 130, "cache1." * 60):
        for _ in range(1000):
            found.read(hostile)


def test_regions_in_names_of_services() -> None:
    found = {
        service.provider: match["region"]
        for service in EDGES.services
        if (match := service.pattern.search(service.example))
    }
    assert found == {
        "aws": "eu-central-1",
        "azure": "westeurope",
        "gcp": "asia-southeast1",
        "oracle": "eu-frankfurt-1",
    }
    regions = shipped().addresses.region_countries
    assert all(key in regions for key in found.items())


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("muc11s03-in-f14.1e100.net", "muc"),
        ("fra24s06-in-x0e.1e100.net", "fra"),
        ("edge-star-mini-shv-01-frt3.facebook.com", "frt"),
        ("edge-star-mini-shv-01-any2.facebook.com", "any"),
        ("muc11s03-in-f14.1e100.net.example", None),
    ],
)
def test_places_in_names_of_addresses(name: str, place: str | None) -> None:
    found = [code for word in EDGES.reverse_names if (code := word.read(name))]
    assert found == ([place] if place else [])

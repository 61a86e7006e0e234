"""All evidence of where an address is, weighed in one place.

`known` is what tables say at a time (see `database`), `seen` what captures hold. Each kind of evidence has a weight and
a text, and a contradiction is shown, never averaged away:

- certain: the provider's list of that time; or the word of the edge that answered, where the range is its network's;
- likely: a table of that time, for a network that has its machines in one place, if nothing contradicts it; a range
  that the provider lists at another time, if the table agrees; a name that the holder of a range gave;
- uncertain: all else that names a country: tables from before and after that differ, or one from years away, too;
- a country that is excluded by how soon the answer came is not given.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from phonehome.analysis import knowledge
from phonehome.analysis.knowledge.addresses import country_name, the_country
from phonehome.analysis.knowledge.schema import PlaceWord, SpreadCloud, SpreadNetwork, SpreadRange
from phonehome.analysis.places.distances import Point, airport
from phonehome.analysis.places.location import CountryCertainty, Location, LocationEvidence, TableName
from phonehome.analysis.places.round_trips import Bound, milliseconds

Standing = Literal["listed", "before-and-after", "later", "earlier"]
"""How a provider's lists stand to a time: they had the range then; they had it the same before and after, with no list
between; only lists from after, or from before that time are known."""

EDGE_REACH = 150.0
"""Kilometres that a site may lie from the airport that it is called by."""


class Claim(NamedTuple):
    """What a country table says."""

    country: str
    source: TableName
    own: bool = False
    """Whether it is the user's own."""


class Cloud(NamedTuple):
    """What a provider publishes of a range."""

    key: str
    """As in the cloud table: `aws`."""
    region: str
    """`` is none."""
    service: str
    source: TableName
    standing: Standing = "listed"
    when: str = ""
    """The day, or the days, that its lists speak of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFacts:
    """What tables and the catalogue know of an address, at a time."""

    address: str
    version: int = 4
    how: str = ""
    """How it stands for another address; `` if it does not."""
    claims: tuple[Claim, ...] = ()
    """Of country tables, those first that decide."""
    together: int = 1
    """How many of them decide together: the nearest before that time and the nearest after it; others are named."""
    far: str = ""
    """How far from that time the only one that decides is, if that is years; `` if it is not."""
    asn: int | None = None
    organisation: str | None = None
    asn_source: TableName | None = None
    cloud: Cloud | None = None
    was_not: str = ""
    """What a provider's lists say against its range of today; `` if nothing."""
    spread: SpreadRange | SpreadCloud | None = None
    damaged: str = ""


class Reverse(NamedTuple):
    """The name that the holder of an address gave it."""

    name: str
    date: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressEvidence:
    """What captures and look-ups hold of an address, beside what tables know."""

    words: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(header, code) of what content networks said -> how often."""
    date: str | None = None
    """Of the capture."""
    hosts: tuple[str, ...] = ()
    bound: Bound | None = None
    reverse: Reverse | None = None
    registered: tuple[str, str] | None = None
    """Country and holder in the registry's entry. No evidence of where a machine is."""


NOTHING_SEEN = AddressEvidence()


class Word(NamedTuple):
    """A place that a network named."""

    network: str
    country: str
    place: str
    """`Tel Aviv`, or the code."""
    at: Point | None
    belongs: bool
    """Whether the address is the network's."""
    says: str
    source: str


def words_of(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """(header, code) of the places that content networks named in headers of an answer."""
    found: list[tuple[str, str]] = []
    for name, value in headers:
        for edge in knowledge.shipped().edges.by_header.get(name, ()):
            code = edge.read(value)
            if code is not None:
                found.append((name, code))
                break
    return found


def _word(entry: PlaceWord, code: str, known: TableFacts) -> Word | None:
    """What a code says; None if it is no place that is known."""
    cloud = known.cloud
    belongs = entry.is_of(
        known.asn, cloud.key if cloud else "", cloud.region if cloud else "", cloud.service if cloud else ""
    )
    country, place, at = entry.places.get(code), "", None
    names = knowledge.shipped().countries.names
    if country is None and entry.codes == "iata":
        found = airport(code.upper())
        if found is not None:
            country, place = found.country, found.city
            at = Point(found.latitude, found.longitude, EDGE_REACH)
    elif country is None and entry.codes in ("unlocode", "country"):
        country = entry.places.get(code[:2]) or (code[:2].upper() if code[:2].upper() in names else None)
    if country is None:
        return None
    place = place or the_country(country) + (f" at {code.upper()}" if entry.codes != "country" else "")
    said = f"answered in {place} ({entry.network}'s word)"
    if not belongs:
        said = f"says {place} in {entry.network}'s way, which any server can write"
    return Word(entry.network, country, place, at, belongs, said, entry.network)


def words(known: TableFacts, seen: AddressEvidence) -> list[Word]:
    """The places that content networks named, those of their own ranges first, then the most frequent."""
    found: list[tuple[bool, int, Word]] = []
    for (header, code), count in seen.words.items():
        read = [_word(entry, code, known) for entry in knowledge.shipped().edges.by_header.get(header, ())]
        best = max((word for word in read if word is not None), key=lambda word: word.belongs, default=None)
        if best is not None:
            found.append((not best.belongs, -count, best))
    return [word for _, _, word in sorted(found, key=lambda item: (*item[:2], item[2].place))]


def locate(known: TableFacts, seen: AddressEvidence = NOTHING_SEEN) -> Location:
    """Where the address is. Pure."""
    said = words(known, seen)
    bound = seen.bound
    weighed = _Weighing(known, seen, said)
    country, certainty, reason = weighed.answer()
    excluded = bound.excluded if bound else frozenset()
    if certainty == "certain":
        excluded -= {country or ""}
    elif country in excluded:
        country, certainty, reason = weighed.without(country or "", excluded)
    cloud = known.cloud
    return Location(
        address=known.address,
        country=country,
        country_certainty=certainty,
        reason=(f"{known.how}: " if known.how else "") + reason + known.damaged,
        asn=known.asn,
        organisation=known.organisation,
        cloud_provider=knowledge.shipped().addresses.provider(cloud.key).name if cloud else None,
        cloud_region=(cloud.region or None) if cloud else None,
        anycast=known.spread is not None and known.spread.anycast,
        sources=tuple(dict.fromkeys(weighed.sources())),
        evidence=tuple(weighed.pieces()),
        excluded=excluded,
        bound_km=round(bound.km) if bound else None,
        bound_from=bound.origin if bound else None,
        at=weighed.at() if certainty == "certain" else None,
    )


_Answer = tuple[str | None, CountryCertainty, str]


class _Weighing:
    """The evidence of one address."""

    def __init__(self, known: TableFacts, seen: AddressEvidence, said: Sequence[Word]) -> None:
        self.known, self.seen, self.said = known, seen, said
        self.claim = known.claims[0] if known.claims else None
        addresses = knowledge.shipped().addresses
        self.network: SpreadNetwork | None = addresses.spread_networks.get(known.asn or 0)
        cloud = known.cloud
        self.of_region = addresses.region_countries.get((cloud.key, cloud.region)) if cloud else None
        self.provider = addresses.provider(cloud.key).name if cloud else ""
        self.abroad = addresses.abroad.get((cloud.key, cloud.region), frozenset()) if cloud else frozenset()
        self.service = self._service()
        self.reverse = self._reverse()

    # -- what names a place ------------------------------------------------------------------------

    def _service(self) -> tuple[str, str] | None:
        """Region and country in a name of a service of the provider whose range it is."""
        cloud = self.known.cloud
        for host in self.seen.hosts if cloud else ():
            for service in knowledge.shipped().edges.services:
                match = service.pattern.search(host) if cloud and service.provider == cloud.key else None
                if match is not None:
                    country = knowledge.shipped().addresses.region_countries.get(
                        (service.provider, match["region"])
                    )
                    if country is not None:
                        return match["region"], country
        return None

    def _reverse(self) -> Word | None:
        if self.seen.reverse is None:
            return None
        for entry in knowledge.shipped().edges.reverse_names:
            code = entry.read(self.seen.reverse.name)
            if code is not None:
                return _word(entry, code, self.known)
        return None

    # -- the answer --------------------------------------------------------------------------------

    def answer(self) -> _Answer:
        """(country, certainty, reason), without what round trips exclude."""
        known, claim, cloud = self.known, self.claim, self.known.cloud
        own_words = [word for word in self.said if word.belongs]
        if own_words:
            return self._by_word(own_words)
        if (
            known.spread is None
            and cloud
            and self.of_region
            and cloud.standing in ("listed", "before-and-after")
        ):
            return self._by_list(cloud, self.of_region)
        if self.reverse is not None and self.reverse.belongs:
            name = self.seen.reverse.name if self.seen.reverse else ""
            reason = f"its holder calls it {name}, which is {self.reverse.place}"
            return self.reverse.country, "likely", reason
        says = self._says()
        if known.spread is not None:
            how = (
                "any of its places may have answered (anycast)"
                if known.spread.anycast
                else "may be in another country"
            )
            reason = f"{known.spread.what}: {how}" + (f"; {says}" if says else "")
            return (claim.country, "uncertain", reason) if claim else (None, "unknown", reason)
        if cloud and self.of_region:
            return self._by_other_list(cloud, self.of_region, says)
        if claim is None:
            return None, "unknown", self._not("no table knows a country for it")
        if self.network is not None:
            return claim.country, "uncertain", self._not(f"{says}, but {self.network.reason}")
        if known.asn is None and not claim.own and not cloud:
            idle = f"{says}; but no network announced the address when the tables were made"
            filler = knowledge.shipped().addresses.filler.get(known.version)
            if filler is not None:
                return None, "unknown", f"{idle}; and {filler}"
            return claim.country, "uncertain", idle
        return self._by_table(claim, says)

    def at(self) -> Point | str | None:
        """Where the answer that is certain lies: a place, or a country."""
        for word in self.said:
            if word.belongs:
                return word.at or word.country
        return self.of_region

    def _by_word(self, own: Sequence[Word]) -> _Answer:
        first = own[0]
        where = list(dict.fromkeys(word.place for word in own))
        behind = "what lies behind it is not visible"
        others = [word for word in own if word.country != first.country]
        if others:
            reason = f"answered in {' and in '.join(where[:4])} ({first.network}'s word); {behind}"
            return first.country, "uncertain", reason
        cloud = self.known.cloud
        if cloud and cloud.standing in ("later", "earlier"):
            reason = f"{first.says}, if the range was {first.network}'s at the time; {behind}"
            return first.country, "likely", reason
        return first.country, "certain", f"{first.says}; {behind}"

    def _by_list(self, cloud: Cloud, of_region: str) -> _Answer:
        claim = self.claim
        if claim is not None and claim.country != of_region:
            region = f"{cloud.region} ({of_region})"
            if claim.own:
                reason = f"{self._says()}, but {self.provider} publishes this range as its region {region}"
                return claim.country, "uncertain", reason
            if claim.country in self.abroad:
                reason = f"{self._says()}, where {self.provider} has a zone of its region {region}"
                return claim.country, "uncertain", reason
        return of_region, "certain", self._published(cloud)

    def _published(self, cloud: Cloud) -> str:
        verb = "publishes" if not cloud.when else "published"
        when = f" ({cloud.when})" if cloud.when else ""
        return f"{self.provider} {verb} this range as its region {cloud.region}{when}"

    def _by_other_list(self, cloud: Cloud, of_region: str, says: str) -> _Answer:
        """A range that the provider's lists have at another time only."""
        published = self._published(cloud)
        if self.claim is None or self.claim.country == of_region:
            agree = f"; {says}" if says else ""
            return of_region, "likely", f"{published}, no list of the time is known{agree}"
        return self.claim.country, "uncertain", f"{says}, but {published}"

    def _by_table(self, claim: Claim, says: str) -> _Answer:
        hints = [word for word in self.said if word.country != claim.country]
        if hints:
            return claim.country, "uncertain", f"{says}, but the answer {hints[0].says}"
        others = [other for other in self.known.claims[1:] if other.country != claim.country]
        against = [other for other in others if other in self.known.claims[: self.known.together]]
        if against:
            return claim.country, "uncertain", self._not(f"{says}, and {_listed(against)}")
        if self.known.far:
            return claim.country, "uncertain", self._not(f"{says}, {self.known.far}")
        if others:
            return claim.country, "likely", self._not(f"{says}; {_listed(others)}")
        if len(self.known.claims) > 1:
            return claim.country, "likely", self._not(f"{self._agreed()}; nothing contradicts it")
        return claim.country, "likely", self._not(says)

    def _says(self) -> str:
        """What the table that decides says."""
        if self.claim is None:
            return ""
        dated = len(self.known.claims) > 1 or self.known.far
        return _listed([self.claim]) if dated else f"{self.claim.source.name} says {self.claim.country}"

    def _agreed(self) -> str:
        """`was China in the table of 2019-12 and is in that of 2026-10; Chinanet`."""
        months = sorted(claim.source.date[:7] for claim in self.known.claims)
        country = the_country(self.known.claims[0].country)
        holder = f"; {self.known.organisation}" if self.known.organisation else ""
        return f"was {country} in the table of {months[0]} and is in that of {months[-1]}{holder}"

    def _not(self, reason: str) -> str:
        return f"{reason}; {self.known.was_not}" if self.known.was_not else reason

    def without(self, country: str, excluded: frozenset[str]) -> _Answer:
        """The answer, where the country that evidence names is excluded."""
        bound = self.seen.bound
        assert bound is not None
        not_there = (
            f"not {the_country(country)}, as {self._who(country)}: it answered in {milliseconds(bound.seconds)} "
            f"and is within {bound.km:,.0f} km of {bound.origin}"
        )
        named = [claim.country for claim in self.known.claims] + [word.country for word in self.said]
        named += [self.of_region] if self.of_region else []
        left = [code for code in dict.fromkeys(named) if code not in excluded]
        if len(left) == 1:
            return left[0], "uncertain", f"{not_there}; {self._who(left[0])} {the_country(left[0])}"
        return None, "unknown", not_there

    def _who(self, country: str) -> str:
        """Whose word a country is."""
        for claim in self.known.claims:
            if claim.country == country:
                return (
                    f"{claim.source.name} of {claim.source.date[:7]} says"
                    if claim.source.date
                    else claim.source.name
                )
        for word in self.said:
            if word.country == country:
                return f"{word.source} says"
        return f"{self.provider}'s list says" if self.of_region == country else "tables say"

    # -- the pieces --------------------------------------------------------------------------------

    def sources(self) -> Iterable[TableName]:
        """The tables behind country and network."""
        cloud = self.known.cloud
        by_list = bool(cloud and self.of_region and self.known.spread is None)
        if cloud and by_list:
            yield cloud.source
        for claim in self.known.claims:
            if not by_list or claim.own:
                yield claim.source
        if self.known.asn_source:
            yield self.known.asn_source
        if cloud:
            yield cloud.source

    def pieces(self) -> Iterable[LocationEvidence]:
        """All that was weighed, the weightiest first."""
        known, seen, cloud = self.known, self.seen, self.known.cloud
        for word in self.said:
            yield LocationEvidence("edge-header", word.says, word.country, word.source, seen.date)
        if cloud and cloud.region:
            yield LocationEvidence(
                "provider-list",
                self._published(cloud),
                self.of_region,
                cloud.source.name,
                cloud.source.date or None,
            )
        if known.was_not:
            yield LocationEvidence("provider-list", known.was_not, None, "provider lists", None)
        if seen.bound is not None:
            bound = seen.bound
            yield LocationEvidence(
                "round-trip",
                f"answered in {milliseconds(bound.seconds)} ({bound.how}): within {bound.km:,.0f} km of "
                f"{bound.origin}; {len(bound.excluded)} countries are excluded",
                None,
                bound.how,
                seen.date,
            )
        for claim in known.claims:
            says = f"{claim.source.name} says {country_name(claim.country)}"
            yield LocationEvidence("table", says, claim.country, claim.source.name, claim.source.date or None)
        if self.service is not None:
            region, country = self.service
            yield LocationEvidence(
                "name",
                f"a name of the destination holds the region {region}",
                country,
                self.provider,
                seen.date,
            )
        if self.reverse is not None and seen.reverse is not None:
            says = f"its holder calls it {seen.reverse.name}, which is {self.reverse.place}"
            yield LocationEvidence(
                "name", says, self.reverse.country, self.reverse.network, seen.reverse.date
            )
        for host in seen.hosts:
            ending = _ending(host)
            if ending is not None:
                # Without the name itself, of which a label can be an identifier.
                says = f"the name ends in .{host.rpartition('.')[2]}, as names of {the_country(ending)} do"
                yield LocationEvidence("name", says, ending, "DNS", None)
                break
        if seen.registered is not None:
            country, holder = seen.registered
            says = f"registered for {the_country(country)} by {holder}: where the holder is, not the machine"
            yield LocationEvidence("registry", says, country, "RDAP", None)


def _listed(claims: Sequence[Claim]) -> str:
    """`GeoLite Country of 2019-12 says NL, DB-IP IP to Country Lite of 2026-10 says US`."""
    return ", ".join(
        f"{claim.source.name} of {claim.source.date[:7]} says {claim.country}" for claim in claims
    )


def _ending(host: str) -> str | None:
    ending = host.rpartition(".")[2].lower()
    if len(ending) != 2 or ending in knowledge.shipped().edges.not_countries:
        return None
    code = "GB" if ending == "uk" else ending.upper()
    return code if code in knowledge.shipped().countries.names else None

"""Each kind of mistake in each file is refused with a sentence that names file, entry and key."""

from pathlib import Path
from typing import get_args

import pytest

from phonehome.analysis.identifiers.mask import _STYLES
from phonehome.analysis.knowledge import FOLDER, KnowledgeError, read_folder
from phonehome.analysis.knowledge.reading import KnowledgeFile, Mistake
from phonehome.analysis.knowledge.schema import CaseFile, CompaniesFile, MaskName
from tests.knowledge.folder import copied

MISTAKES = [
    # file, what stands there, what is put in its place, entry, what is said
    (
        "identifiers.toml",
        "\nshape = ",
        "\nshap = ",
        "kind 'imei'",
        "unknown key 'shap': did you mean 'shape'?",
    ),
    ("identifiers.toml", "\nshape = ", "\nshap = ", "kind 'imei'", "'shape' is missing"),
    ("identifiers.toml", "\nshape = '", "\nshape = '(", "kind 'imei'", "'shape': '("),
    ("identifiers.toml", "\nshape = '", "\nshape = 1 # '", "kind 'imei'", "'shape' must be a pattern"),
    (
        "identifiers.toml",
        'category = "hardware"',
        'category = "hardwear"',
        "kind 'imei'",
        "did you mean 'hardware'?",
    ),
    (
        "identifiers.toml",
        "\nseverity = ",
        "\nseverity = 1",
        "kind 'imei'",
        "'severity' must be a whole number from 0 to 100",
    ),
    (
        "identifiers.toml",
        '\nmask = "type-code"',
        '\nmask = "typecode"',
        "kind 'imei'",
        "did you mean 'type-code'?",
    ),
    (
        "identifiers.toml",
        '\nid = "meid"',
        '\nid = "imei"',
        "kind 'imei'",
        "id 'imei' is in [[kind]] number 1 of",
    ),
    (
        "identifiers.toml",
        '\nexclusive = ["imei"',
        '\nexclusive = ["udid", "imei"',
        "kind 'imei'",
        "the name 'udid' stands under two",
    ),
    (
        "identifiers.toml",
        "\nanywhere = true",
        '\nanywhere = true\ncompany = ["latitud"]',
        "kind 'imei'",
        "there is no role 'latitud': did you mean 'latitude'?",
    ),
    (
        "identifiers.toml",
        "\nlatitude = ",
        "\nlatitud = ",
        "[roles]",
        "unknown key 'latitud': did you mean 'latitude'?",
    ),
    (
        "identifiers.toml",
        "\n[elsewhere]",
        "\n[elswhere]",
        "",
        "unknown key 'elswhere': did you mean 'elsewhere'?",
    ),
    ("identifiers.toml", "\nmodel = '", "\nmodel = '(", "[user_agent]", "'model': '("),
    (
        "purposes.toml",
        "\nrank = 1\n",
        '\nrank = "high"\n',
        "purpose 'activation'",
        "'rank' must be a whole number from 1",
    ),
    (
        "purposes.toml",
        "\nrank = 2\n",
        "\nrank = 1\n",
        "purpose 'location'",
        "rank 1 is in [[purpose]] number 1 of purposes.toml",
    ),
    ("purposes.toml", "\nphrase = ", "\nphrases = ", "purpose 'activation'", "did you mean 'phrase'?"),
    (
        "headers.toml",
        '"accept"',
        '"Accept"',
        "header 'Accept'",
        "'name' must be the name of a header in lower case",
    ),
    (
        "headers.toml",
        '"accept-charset"',
        '"accept"',
        "header 'accept'",
        "name 'accept' is in [[header]] number 1",
    ),
    ("headers.toml", "\nreference = ", "\n# reference = ", "header 'accept'", "'reference' is missing"),
    ("devices.toml", "\nexample = ", "\nexampel = ", "user_agent number 1", "did you mean 'example'?"),
    (
        "devices.toml",
        "(?P<android>",
        "(?P<androit>",
        "user_agent number 1",
        "one named group, android, ios or darwin",
    ),
    (
        "devices.toml",
        'example = "Dalvik',
        'example = "Vik" # "Dalvik',
        "user_agent number 1",
        "does not fit the example 'Vik'",
    ),
    ("devices.toml", 'names = ["k"', 'names = [1, "k"', "[not_models]", "'names' must be a list"),
    ("markets.toml", "(?P<market>", "(?P<markt>", "numbering 'fih'", "'pattern' has the groups"),
    ("markets.toml", "examples = [", 'examples = ["1", ', "numbering 'fih'", "does not fit the example '1'"),
    ("markets.toml", 'code = "CN"', 'code = "WW"', "market 'WW'", "code 'WW' is in [[market]] number 1"),
    (
        "firmware.toml",
        'numbering = "fih"',
        'numbering = "fhi"',
        "fix 'china-activation-client'",
        "there is no numbering 'fhi': did you mean 'fih'?",
    ),
    (
        "firmware.toml",
        '"00WW_3_39B_SP03"',
        '"3_39B"',
        "fix 'china-activation-client'",
        "'3_39B' is not numbered by fih",
    ),
    ("firmware.toml", "\nbuilds = ", "\nbuild = ", "fix 'china-activation-client'", "did you mean 'builds'?"),
    (
        "transfers.toml",
        "since = 1994-01-01",
        "since = 1994",
        "country 'AT'",
        "'since' must be a date without quotes",
    ),
    (
        "transfers.toml",
        "since = 1994-01-01",
        "since = 1994-01-01\nuntil = 1993-01-01",
        "country 'AT'",
        "'until' must be after 'since'",
    ),
    ("transfers.toml", 'code = "AT"', 'code = "QQ"', "country 'QQ'", "there is no country 'QQ'"),
    (
        "transfers.toml",
        'code = "AT"',
        'code = "BE"',
        "country 'BE'",
        "eea since 1994-01-01 is in [[country]] number 1",
    ),
    (
        "transfers.toml",
        'reference = "eea"',
        'reference = "eec"',
        "country 'AT'",
        "no 'eec' in [references] of this file: did you mean 'eea'?",
    ),
    ("transfers.toml", 'status = "eea"', 'status = "eaa"', "country 'AT'", "did you mean 'eea'?"),
    ("countries.toml", 'AT = "Austria"', 'at = "Austria"', "", "'assigned' must be"),
    ("countries.toml", '{ name = "Kosovo",', '{ nam = "Kosovo",', "[other] XK", "did you mean 'name'?"),
    (
        "special_addresses.toml",
        '"10.0.0.0/8"',
        '"10.0.0.1/8"',
        "special number 4",
        "10.0.0.1/8 has host bits set",
    ),
    (
        "special_addresses.toml",
        '"127.0.0.0/8"',
        '"10.0.0.0/8"',
        "special number 4",
        "the prefix 10.0.0.0/8 is in [[special]] number 3",
    ),
    (
        "special_addresses.toml",
        "\nendings = ",
        "\nending = ",
        "local_names number 1",
        "did you mean 'endings'?",
    ),
    (
        "anycast.toml",
        'provider = "aws"',
        'provider = "awz"',
        "cloud number",
        "there is no provider 'awz': did you mean 'aws'?",
    ),
    (
        "anycast.toml",
        "\nanycast = false",
        '\nanycast = "no"',
        "cloud number",
        "'anycast' must be true or false",
    ),
    (
        "anycast.toml",
        '"8.8.8.0/24"',
        '"1.1.1.0/24"',
        "range number 2",
        "the prefix 1.1.1.0/24 is in [[range]] number 1",
    ),
    (
        "networks.toml",
        "asns = [714, 6185]",
        "asns = [714, 6185, 32934]",
        "spread number",
        "AS32934 is in [[spread]] number 2",
    ),
    (
        "networks.toml",
        "asns = [714, 6185]",
        "asns = [0]",
        "spread number",
        "'asns' must be a list, in which each is the number of a network",
    ),
    (
        "networks.toml",
        "ip_version = 6",
        "ip_version = 5",
        "filler number 1",
        "'ip_version' must be one of 4, 6",
    ),
    ("cloud_regions.toml", 'af-south-1 = "ZA"', 'af-south-1 = "za"', "group number 1", "'regions' must be"),
    (
        "cloud_regions.toml",
        'af-south-1 = "ZA"',
        'af-south-1 = "QQ"',
        "group number 1",
        "there is no country 'QQ'",
    ),
    (
        "cloud_regions.toml",
        '[[group]]\nprovider = "aws"',
        '[[group]]\nprovider = "awz"',
        "group number 1",
        "there is no provider 'awz'",
    ),
    ("cloud_regions.toml", 'name = "AWS"', 'nam = "AWS"', "[provider] aws", "did you mean 'name'?"),
]


def refused(folder: Path) -> tuple[Mistake, ...]:
    with pytest.raises(KnowledgeError) as error:
        read_folder(folder)
    assert str(error.value).startswith(str(error.value.mistakes[0]))
    return error.value.mistakes


@pytest.mark.parametrize(("file", "right", "wrong", "entry", "said"), MISTAKES)
def test_a_mistake_is_named(tmp_path: Path, file: str, right: str, wrong: str, entry: str, said: str) -> None:
    text = (FOLDER / file).read_text()
    assert right in text
    (copied(tmp_path, file) / file).write_text(text.replace(right, wrong, 1))
    mistakes = [mistake for mistake in refused(tmp_path) if said in mistake.what]
    assert mistakes, refused(tmp_path)
    assert mistakes[0].file == file
    assert mistakes[0].entry.startswith(entry)


AT_ONCE = [
    shape
    for shape in KnowledgeFile.__subclasses__()
    if shape not in (CompaniesFile, CaseFile) and shape.__module__ == CompaniesFile.__module__
]
"""Of `companies.toml` a report reads what it needs: `test_companies.py` holds it to its shape. `case.toml` is
the user's."""


@pytest.mark.parametrize("shape", AT_ONCE, ids=lambda shape: shape.NAME)
class TestEveryFile:
    def broken(self, folder: Path, shape: type[KnowledgeFile], content: bytes | None) -> tuple[Mistake, ...]:
        name = shape.NAME.replace("*", "broken")
        copied(folder, name.partition("/")[0])
        (folder / name).parent.mkdir(exist_ok=True)
        if content is not None:
            (folder / name).write_bytes(content)
        return refused(folder)

    def test_that_is_not_toml(self, tmp_path: Path, shape: type[KnowledgeFile]) -> None:
        [mistake] = self.broken(tmp_path, shape, b"[[endpoint]\n")
        assert "not valid TOML" in mistake.what

    def test_that_is_no_text(self, tmp_path: Path, shape: type[KnowledgeFile]) -> None:
        [mistake] = self.broken(tmp_path, shape, b"\xff\xfe\x00")
        assert mistake.what == "not a text in UTF-8"

    def test_that_is_nested_too_deep(self, tmp_path: Path, shape: type[KnowledgeFile]) -> None:
        assert self.broken(tmp_path, shape, b"x = " + b"[" * 100_000)[0].file.endswith(".toml")

    def test_that_is_too_long(self, tmp_path: Path, shape: type[KnowledgeFile]) -> None:
        [mistake] = self.broken(tmp_path, shape, b"#" * (1 << 21))
        assert mistake.what == "longer than 1,048,576 bytes"

    def test_that_has_another_key(self, tmp_path: Path, shape: type[KnowledgeFile]) -> None:
        mistakes = self.broken(tmp_path, shape, b'colour = "red"\n')
        assert any("unknown key 'colour'" in mistake.what for mistake in mistakes)

    def test_that_has_texts_where_tables_are_meant(self, tmp_path: Path, shape: type[KnowledgeFile]) -> None:
        keys = shape.__struct_fields__
        mistakes = self.broken(tmp_path, shape, "".join(f"{key} = [1]\n" for key in keys).encode())
        assert {mistake.what.split("'")[1] for mistake in mistakes if mistake.what.startswith("'")} <= {*keys}
        assert len(mistakes) >= len(keys)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    [mistake] = refused(copied(tmp_path, "networks.toml"))
    assert str(mistake) == "networks.toml: cannot be read: No such file or directory"


def test_all_mistakes_are_told_not_only_the_first(tmp_path: Path) -> None:
    text = (FOLDER / "purposes.toml").read_text()
    wrong = text.replace("\nrank = 1\n", "\nrank = 0\ncolour = 1\n").replace("\nlabel = ", "\nlable = ")
    (copied(tmp_path, "purposes.toml") / "purposes.toml").write_text(wrong)
    told = [str(mistake) for mistake in refused(tmp_path)]
    assert (
        "purposes.toml: purpose 'activation': unknown key 'colour'; "
        "known are description, host_words, id, label, phrase, rank, routine" in told
    )
    assert "purposes.toml: purpose 'activation': 'rank' must be a whole number from 1, the worst" in told
    assert sum("did you mean 'label'?" in mistake for mistake in told) == text.count("\nlabel = ")


def test_the_masks_that_a_kind_can_have_are_those_that_there_are() -> None:
    assert set(get_args(MaskName)) == set(_STYLES)

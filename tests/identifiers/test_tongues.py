"""Names in other tongues, and the short ones that kits use: what must be found, as certain or likely.

The names are written down here as programs have them, apart from the table of words that reads them.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest

from phonehome.analysis.identifiers import Finding
from tests.decoding.usual import decode_bytes
from tests.identifiers.build import recognise
from tests.identifiers.test_corpus import (
    Draw,
    digits,
    hexadecimal,
    iccid,
    imei,
    imsi,
    random_uuid,
    subscriber,
    token,
)
from tests.identifiers.test_hard_negatives import mac, somebody

LEAST = 0.95
EACH = 6

VALUES: dict[str, Callable[[Draw], Any]] = {
    "imei": imei,
    "imsi": imsi,
    "iccid": iccid,
    "mac": mac,
    "serial": lambda draw: "R58" + hexadecimal(draw, 8, "ABCDEFGHJKMNPQRTVWXYZ0123456789") + "7",
    "phone-number": subscriber,
    "android-id": lambda draw: "a" + hexadecimal(draw, 15),
    "advertising-id": random_uuid,
    "installation-id": random_uuid,
    "email": lambda draw: f"{token(draw, 6)}@example.org",
    "ssid": lambda draw: f"Home of {draw.randrange(99)}",
    "user-id": lambda draw: "7" + digits(draw, 9),
    "person-name": somebody,
    "birth-date": lambda draw: f"19{draw.randrange(40, 99)}-0{draw.randrange(1, 9)}-1{draw.randrange(9)}",
    "model": lambda draw: draw.choice(["Nokia 7 plus", "SM-G973F", "Redmi Note 8"]),
    "carrier": lambda draw: draw.choice(
        ["Telenor", "Vodafone", "Telekom", "China Mobile", "Claro", "Airtel"]
    ),
    "access-points": mac,
}

LANGUAGES: dict[str, dict[str, list[str]]] = {
    "Pinyin": {
        "imei": ["chuanhao", "shebei_imei", "shoujiChuanhao", "shouji_imei"],
        "imsi": ["sim_imsi", "kaImsi"],
        "iccid": ["simkahao", "sim_kahao", "simKaXuliehao"],
        "mac": ["macdizhi", "mac_dizhi", "wuxianMac", "lanya_mac", "wangka_dizhi"],
        "serial": ["xuliehao", "shebei_xuliehao", "shebeiXulieHao", "jiqiXuliehao"],
        "phone-number": [
            "shoujihao",
            "shouji_hao",
            "shoujihaoma",
            "dianhuaHaoma",
            "yonghu_shoujihao",
            "lianxidianhua",
        ],
        "android-id": ["anzhuo_id", "anzhuoId"],
        "advertising-id": ["guanggao_id", "guanggaoId", "guanggao_biaoshi"],
        "installation-id": ["shebeihao", "shebei_id", "shebeiBiaoshi", "shebeibianhao", "weiyi_biaoshi"],
        "email": ["youxiang", "dianziyoujian", "yonghu_youxiang"],
        "ssid": ["wifi_mingcheng", "wuxianMingcheng"],
        "user-id": ["yonghu_id", "yonghuid", "yonghubianhao"],
        "person-name": ["xingming", "yonghu_xingming", "zhenshi_xingming"],
        "birth-date": ["shengri", "chusheng_riqi", "chushengriqi"],
        "model": ["shebei_xinghao", "shouji_xinghao", "jixing"],
        "carrier": ["yunyingshang", "yunyingshang_mingcheng"],
    },
    "Chinese": {
        "imei": ["串号", "设备串号", "手机串号"],
        "mac": ["MAC地址", "网卡地址", "无线mac"],
        "iccid": ["SIM卡号", "sim卡序列号"],
        "serial": ["序列号", "设备序列号", "機器序列號"],
        "phone-number": ["手机号", "手机号码", "电话号码", "手機號碼", "联系电话", "电话"],
        "android-id": ["安卓id", "安卓标识"],
        "advertising-id": ["广告id", "广告标识符"],
        "installation-id": ["设备号", "设备id", "设备标识", "设备编号", "唯一标识"],
        "email": ["邮箱", "电子邮件", "用户邮箱", "邮箱地址"],
        "ssid": ["wifi名称", "无线网络名称"],
        "user-id": ["用户id", "用户编号"],
        "person-name": ["姓名", "真实姓名", "用户姓名"],
        "birth-date": ["生日", "出生日期"],
        "model": ["设备型号", "手机型号", "机型"],
        "carrier": ["运营商", "运营商名称"],
    },
    "German": {
        "mac": ["mac_adresse", "macAdresse", "WLAN-Adresse", "hardwareadresse"],
        "iccid": ["simkartennummer", "sim_karten_nummer", "SIM-Kartennummer"],
        "serial": ["seriennummer", "Seriennummer", "geraete_seriennummer", "gerätSeriennummer"],
        "phone-number": [
            "telefonnummer",
            "handynummer",
            "mobilnummer",
            "rufnummer",
            "Telefon_Nr",
            "handyNr",
            "mobiltelefon",
        ],
        "android-id": ["android_kennung"],
        "advertising-id": ["werbe_id", "werbeId", "werbekennung", "Werbe-ID"],
        "installation-id": [
            "geraete_id",
            "geräteId",
            "geraetekennung",
            "gerätekennung",
            "installationskennung",
        ],
        "email": ["e_mail_adresse", "emailadresse", "mailadresse", "E-Mail-Adresse", "nutzer_email"],
        "ssid": ["wlan_name", "wlanName", "netzwerkname"],
        "user-id": ["benutzer_id", "benutzerkennung", "nutzerId", "kundennummer"],
        "person-name": ["vorname", "nachname", "vollstaendiger_name", "benutzername_voll"],
        "birth-date": ["geburtsdatum", "geburtstag", "geburts_datum"],
        "model": ["geraetemodell", "gerätemodell", "handymodell"],
        "carrier": ["netzbetreiber", "mobilfunkanbieter", "mobilfunkbetreiber"],
    },
    "French": {
        "mac": ["adresse_mac", "adresseMac", "adresse MAC", "adresse_wifi"],
        "iccid": ["numero_carte_sim", "numeroSim"],
        "serial": ["numero_de_serie", "numeroSerie", "numéro_de_série", "no_serie", "numeroDeSerie"],
        "phone-number": [
            "numero_telephone",
            "numeroDeTelephone",
            "numéro_de_téléphone",
            "telephone_portable",
            "tel_mobile",
            "portable",
        ],
        "android-id": ["identifiant_android"],
        "advertising-id": ["id_publicitaire", "identifiantPublicitaire", "identifiant_publicite"],
        "installation-id": [
            "identifiant_appareil",
            "id_appareil",
            "idAppareil",
            "identifiantTerminal",
            "identifiant_unique",
        ],
        "email": ["courriel", "adresse_courriel", "adresse_email", "adresseMail"],
        "ssid": ["nom_wifi", "nom_du_reseau", "nomReseauWifi"],
        "user-id": ["identifiant_utilisateur", "id_utilisateur", "idClient", "numero_client"],
        "person-name": ["prenom", "nom_complet", "prénom", "nom_de_famille", "nomUtilisateurComplet"],
        "birth-date": ["date_naissance", "dateDeNaissance", "date_de_naissance"],
        "model": ["modele_appareil", "modèle_téléphone", "modeleTelephone"],
        "carrier": ["operateur_mobile", "opérateur", "nom_operateur"],
    },
    "Spanish": {
        "mac": ["direccion_mac", "direccionMac", "dirección_mac", "direccion_wifi"],
        "iccid": ["numero_tarjeta_sim", "numeroSim"],
        "serial": ["numero_de_serie", "numero_serie", "número_de_serie", "nroSerie"],
        "phone-number": [
            "numero_telefono",
            "telefono",
            "celular",
            "numeroCelular",
            "numero_movil",
            "número_de_teléfono",
            "telefonoMovil",
        ],
        "android-id": ["identificador_android"],
        "advertising-id": ["id_publicidad", "identificador_publicidad", "idPublicitario"],
        "installation-id": [
            "id_dispositivo",
            "identificadorDispositivo",
            "idDelDispositivo",
            "identificador_unico",
        ],
        "email": ["correo", "correo_electronico", "correoElectrónico", "correo_usuario"],
        "ssid": ["nombre_wifi", "nombre_red", "nombreDeRed"],
        "user-id": ["id_usuario", "idUsuario", "identificador_usuario", "numero_cliente"],
        "person-name": ["nombre_completo", "apellido", "apellidos", "nombre_usuario_completo"],
        "birth-date": ["fecha_nacimiento", "fechaNacimiento", "fecha_de_nacimiento"],
        "model": ["modelo_dispositivo", "modeloTelefono", "modelo_celular"],
        "carrier": ["operador_movil", "operadora", "nombre_operador"],
    },
    "Portuguese": {
        "mac": ["endereco_mac", "enderecoMac", "endereço_mac"],
        "iccid": ["numero_chip", "numero_cartao_sim"],
        "serial": ["numero_de_serie", "numeroSerie", "número_de_série"],
        "phone-number": [
            "telefone",
            "numero_telefone",
            "celular",
            "numeroCelular",
            "telefone_celular",
            "numero_de_telefone",
        ],
        "advertising-id": ["id_publicidade", "identificador_de_publicidade"],
        "installation-id": ["id_aparelho", "id_dispositivo", "identificadorAparelho", "idDoDispositivo"],
        "email": ["correio_eletronico", "endereco_email", "email_usuario"],
        "ssid": ["nome_rede", "nome_wifi", "nomeDaRede"],
        "user-id": ["id_usuario", "id_utilizador", "idUsuario", "numero_cliente"],
        "person-name": ["nome_completo", "sobrenome", "nomeCompleto"],
        "birth-date": ["data_nascimento", "dataNascimento", "data_de_nascimento"],
        "model": ["modelo_aparelho", "modeloCelular"],
        "carrier": ["operadora", "nome_operadora"],
    },
    "Indonesian": {
        "mac": ["alamat_mac", "alamatMac", "alamat_wifi"],
        "iccid": ["nomor_kartu_sim", "nomorSim"],
        "serial": ["nomor_seri", "nomorSeri", "no_seri", "nomor_seri_perangkat"],
        "phone-number": [
            "nomor_telepon",
            "nomorTelepon",
            "nomor_hp",
            "no_hp",
            "nomorPonsel",
            "telepon",
            "nomor_telepon_pengguna",
        ],
        "advertising-id": ["id_iklan", "idIklan"],
        "installation-id": ["id_perangkat", "idPerangkat", "pengenal_perangkat"],
        "email": ["surel", "alamat_email", "alamatSurel", "email_pengguna"],
        "ssid": ["nama_wifi", "nama_jaringan", "namaWifi"],
        "user-id": ["id_pengguna", "idPengguna", "nomor_pelanggan"],
        "person-name": ["nama_lengkap", "namaLengkap", "nama_depan", "nama_belakang"],
        "birth-date": ["tanggal_lahir", "tanggalLahir", "tgl_lahir"],
        "model": ["model_perangkat", "tipe_ponsel", "modelHp"],
        "carrier": ["operator_seluler", "nama_operator"],
    },
    "Russian": {
        "mac": ["mac_adres", "adres_mac", "мак_адрес", "macАдрес"],
        "iccid": ["nomer_sim_karty", "номер_сим_карты", "nomerSim"],
        "serial": ["serijnyj_nomer", "seriynyy_nomer", "серийный_номер", "serijnyiNomer"],
        "phone-number": [
            "nomer_telefona",
            "telefon",
            "телефон",
            "номер_телефона",
            "nomerTelefona",
            "mobilnyj_telefon",
        ],
        "advertising-id": ["reklamnyj_id", "reklamnyy_id", "рекламный_идентификатор"],
        "installation-id": [
            "id_ustrojstva",
            "idUstroystva",
            "идентификатор_устройства",
            "identifikator_ustrojstva",
        ],
        "email": ["pochta", "почта", "elektronnaya_pochta", "адрес_почты", "adres_pochty"],
        "ssid": ["imya_seti", "имя_сети", "nazvanie_seti"],
        "user-id": ["id_polzovatelya", "идентификатор_пользователя", "idPolzovatelya"],
        "person-name": ["familiya", "фамилия", "polnoe_imya", "fio", "фио"],
        "birth-date": ["data_rozhdeniya", "дата_рождения", "dataRozhdeniya"],
        "model": ["model_telefona", "model_ustrojstva", "модель_устройства"],
        "carrier": ["operator_svyazi", "оператор_связи"],
    },
    "Hindi": {
        "iccid": ["sim_sankhya", "sim_card_number"],
        "serial": ["serial_sankhya", "upkaran_serial_sankhya", "kramank_sankhya"],
        "phone-number": [
            "mobile_sankhya",
            "phone_sankhya",
            "durbhash",
            "doorbhash_sankhya",
            "mobileNambar",
            "मोबाइल_नंबर",
            "फोन_नंबर",
        ],
        "advertising-id": ["vigyapan_id", "vigyapanId"],
        "installation-id": ["upkaran_id", "upkaran_pahchan", "yantra_id", "upkaranId"],
        "email": ["email_pata", "ईमेल", "ईमेल_पता"],
        "ssid": ["wifi_naam", "network_naam"],
        "user-id": ["upyogkarta_id", "upayogkarta_id", "grahak_id", "upyogkartaId"],
        "person-name": ["poora_naam", "pura_naam", "upnaam", "नाम_पूरा"],
        "birth-date": ["janm_tithi", "janmtithi", "janam_tarikh", "जन्म_तिथि"],
    },
}

POSITIONS: dict[str, list[tuple[str, str]]] = {
    "Pinyin": [("weidu", "jingdu"), ("gps_weidu", "gps_jingdu")],
    "Chinese": [("纬度", "经度"), ("緯度", "經度")],
    "German": [("breitengrad", "laengengrad"), ("Breitengrad", "Längengrad"), ("breite", "laenge")],
    "French": [("latitude", "longitude"), ("position_latitude", "position_longitude")],
    "Spanish": [("latitud", "longitud"), ("latitudActual", "longitudActual")],
    "Portuguese": [("latitude", "longitude")],
    "Indonesian": [("lintang", "bujur"), ("garis_lintang", "garis_bujur")],
    "Russian": [("shirota", "dolgota"), ("широта", "долгота")],
    "Hindi": [("akshansh", "deshantar"), ("अक्षांश", "देशांतर")],
}

FAMILIES: list[dict[str, str]] = [
    {"im": "imei", "di": "android-id", "mc": "mac"},
    {"ei": "imei", "si": "imsi", "wm": "mac"},
    {"ei": "imei", "ai": "android-id", "gi": "advertising-id"},
    {"ui": "imei", "mc": "mac", "aid": "android-id"},
    {"ie": "imei", "is": "imsi", "ma": "mac"},
    {"im": "imei", "ic": "iccid", "is": "imsi"},
    {"di": "android-id", "mc": "mac", "gi": "advertising-id"},
    {"i": "imei", "m": "mac", "a": "android-id"},
    {"im1": "imei", "ic1": "iccid", "wm": "mac"},
    {"ic": "iccid", "si": "imsi", "pn": "phone-number"},
    {"im": "imei", "sn": "serial", "mc": "mac"},
    {"oa": "advertising-id", "ai": "android-id", "ei": "imei"},
]
"""Short names of kits, as three or more stand in one object."""


def found(fields: dict[str, Any], kind: str, value: Any) -> bool:
    decoded = decode_bytes(
        json.dumps({"h": {"v": 1}, "d": fields}, ensure_ascii=False).encode(), "application/json"
    )
    plain = "".join(filter(str.isalnum, str(value))).lower()

    def same(each: Finding) -> bool:
        return "".join(filter(str.isalnum, each.value)).lower() in (
            plain,
            plain.rstrip("f"),
            f"{int(plain):016x}" if plain.isdecimal() else plain,
        )

    return any(
        each.kind == kind and each.certainty != "possible" and same(each) for each in recognise(decoded)
    )


def missed_of(language: str) -> tuple[list[str], int]:
    """Names of which a value was not found, and how many were tried."""
    draw = Draw(language)
    names = LANGUAGES[language]
    missed = []
    total = 0
    for kind, keys in names.items():
        for key in keys:
            for _ in range(EACH):
                others = draw.sample(
                    [
                        (other, name)
                        for other, all_names in names.items()
                        for name in all_names[:1]
                        if other != kind
                    ],
                    3,
                )
                value = VALUES[kind](draw)
                fields = {key: value, **{name: VALUES[other](draw) for other, name in others}, "v": "1.2"}
                total += 1
                if not found(fields, kind, value):
                    missed.append(f"{kind}: {key}={value}")
    for latitude, longitude in POSITIONS[language]:
        for _ in range(EACH):
            one, other = round(draw.uniform(2, 80), 6), round(draw.uniform(2, 170), 6)
            total += 1
            if not found({latitude: one, longitude: other, "v": 2}, "position", f"{one},{other}"):
                missed.append(f"position: {latitude}, {longitude}")
    return missed, total


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_of_a_language_are_found(language: str) -> None:
    missed, total = missed_of(language)
    assert total >= 150
    assert len(missed) <= (1 - LEAST) * total, sorted({name.partition("=")[0] for name in missed})


def missed_short() -> tuple[list[str], int]:
    draw = Draw(3)
    missed = []
    total = 0
    for family in FAMILIES:
        for _ in range(EACH):
            fields = {key: VALUES[kind](draw) for key, kind in family.items()}
            for key, kind in family.items():
                total += 1
                if not found({**fields, "os": "android", "t": 17}, kind, fields[key]):
                    missed.append(f"{kind}: {key}={fields[key]} {sorted(family)}")
    return missed, total


def test_short_names_in_company_are_found() -> None:
    missed, total = missed_short()
    assert len(missed) <= (1 - LEAST) * total, missed
    assert total >= 200


def test_short_names_alone_say_nothing() -> None:
    draw = Draw(4)
    for key, make in (
        ("im", random_uuid),
        ("di", random_uuid),
        ("mc", lambda d: hexadecimal(d, 12)),
        ("si", lambda d: digits(d, 15)),
    ):
        decoded = decode_bytes(json.dumps({key: make(draw), "os": "android"}).encode(), "application/json")
        assert [each for each in recognise(decoded) if each.certainty != "possible"] == []

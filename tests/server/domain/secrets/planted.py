"""More than two hundred planted secrets, as they are written in practice.

The secrets are put together when the tests run, so that no file holds a text that looks like a real one. In the texts
`<P>` stands for a password, `<T>` for a token of 40 letters and digits, `<H>` for 32 hexadecimal digits, `<B>` for a
user and a password in base64, `<U>` for an identifier, `<D>` for eight digits, `<K>` for a private key in base64.
"""

import base64
import json
import random
import string
import uuid
from collections.abc import Iterator
from typing import Any

from ambassador_server.domain.secrets.card_numbers import is_card_number

_random = random.Random("planted secrets")
_ALNUM = string.ascii_letters + string.digits


def _drawn(alphabet: str, length: int) -> str:
    return "".join(_random.choice(alphabet) for _ in range(length))


def _mixed(length: int) -> str:
    return f"x7Q{_drawn(_ALNUM, length - 6)}Z4b"


def _card(first: str) -> str:
    body = first + _drawn(string.digits, 15 - len(first))
    return next(body + last for last in string.digits if is_card_number(body + last))


def _private_key(kind: str) -> str:
    lines = "\n".join(_mixed(64) for _ in range(4))
    return f"-----BEGIN {kind}PRIVATE" + f" KEY-----\n{lines}\n-----END {kind}PRIVATE" + " KEY-----\n"


COMMAND_LINES = (
    "mysql -u root -p<P> shop",
    "mysqldump -h db -uroot -p'<P>' --all-databases > dump.sql",
    "mariadb --user=root --password=<P> shop",
    "PGPASSWORD=<P> psql -h db -U app",
    "psql 'host=db user=app password=<P> dbname=shop'",
    "redis-cli -h cache -a <P> ping",
    "redis-cli --pass-phrase x; export REDIS_PASSWORD=<P>",
    "sshpass -p <P> ssh root@host",
    "docker login -u bot -p <P> registry.example",
    "docker login registry.example --username bot --password <P>",
    "docker run -e POSTGRES_PASSWORD=<P> postgres:16",
    "podman login -u bot -p <P> quay.example",
    "curl -u admin:<P> https://host/api",
    "curl --user 'admin:<P>' https://host/api",
    "curl -H 'Authorization: Bearer <T>' https://host",
    'curl -H "X-Api-Key: <T>" https://host',
    "curl -H 'PRIVATE-TOKEN: <T>' https://gitlab.example/api/v4/projects",
    "curl -b 'session_cookie=<T>' https://host",
    "curl https://host/api?api_key=<T>",
    "wget --http-user=bob --http-password=<P> https://host/f",
    "git clone https://bob:<P>@git.example/repo.git",
    "git clone https://<T>@git.example/repo.git",
    "git -c http.extraHeader='Authorization: Basic <B>' fetch",
    "kubectl create secret generic db --from-literal=password=<P>",
    "kubectl --token=<T> get pods",
    "helm install x --set auth.password=<P>,image.tag=1",
    "aws configure set aws_secret_access_key <T>",
    "export AWS_SECRET_ACCESS_KEY=<T>",
    "AWS_SESSION_TOKEN='<T>' aws s3 ls",
    "az login --service-principal -u app -p <P> --tenant t",
    "gcloud auth activate --access-token=<T>",
    "vault login token=<T>",
    "ansible-playbook site.yml -e ansible_become_password=<P>",
    "twine upload -u __token__ -p <P> dist/*",
    "npm config set //registry.example/:_authToken=<T>",
    "sqlcmd -S db -U sa -P <P> -Q 'select 1'",
    "ldapsearch -x -D cn=admin -w <P> -b dc=example",
    "openssl rsa -in key.pem -passin pass:<P>",
    "unzip -P <P> archive.zip",
    "7z x -p<P> archive.7z",
    "smbclient //host/share -U bob%<P>",
    "mongosh -u root -p <P> mongodb.example",
    "htpasswd -bc /etc/htpasswd alice <P>",
    "gpg --batch --passphrase <P> -d file.gpg",
    "heroku config:set SECRET_KEY=<T>",
    "setx API_TOKEN <T>",
    "$env:API_KEY = '<T>'",
    "ConvertTo-SecureString '<P>' -AsPlainText -Force",
    "tool --api-key <T> --verbose",
    "tool --client-secret=<T>",
    "sudo -S true <<< password=<P>",
    "terraform apply -var db_password=<P>",
    "sqlplus scott/<P>@//db:1521/x",
)
HEADERS = (
    "Authorization: Bearer <T>",
    "authorization: token <T>",
    "Proxy-Authorization: Basic <B>",
    "Authorization: Digest username=bob, response=<T>",
    "Cookie: sid=<T>; theme=dark",
    "Set-Cookie: sid=<T>; HttpOnly; Secure",
    "X-Auth-Token: <T>",
    "X-Amz-Security-Token: <T>",
    "X-Vault-Token: <T>",
    "Ocp-Apim-Subscription-Key: <H>; Api-Key: <T>",
    "DD-API-KEY: <H>",
    "X-Hub-Signature-256: sha256=<T>",
    "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer <T>\r\n\r\n",
    "{'Authorization': 'Bearer <T>'}",
    '{"headers": {"x-api-key": "<T>"}}',
    '{\\"Authorization\\": \\"Bearer <T>\\"}',
    "headers = {'api-key': '<T>'}",
)
ADDRESSES = (
    "https://bob:<P>@host.example/path",
    "https://<T>@host.example/path",
    "https://:<P>@host.example/",
    "https://bob:<P>@host.example:8443/?q=1",
    "ftp://bob:<P>@files.example/x",
    "https://bucket.s3.example/key?X-Amz-Algorithm=AWS4&X-Amz-Signature=<T>",
    "https://bucket.s3.example/key?X-Amz-Security-Token=<T>&x=1",
    "https://storage.example/o?X-Goog-Signature=<T>",
    "https://acct.blob.example/c/b?sv=2024&sp=r&sig=<T>",
    "https://acct.blob.example/c/b?sv=2024&amp;sig=<T>",
    "https://cdn.example/f?Expires=1&Signature=<T>&Key-Pair-Id=K",
    "https://maps.example/api?key=<T>&q=Bern",
    "https://host/callback?code=<T>&state=1",
    "https://host/?access_token=<T>#top",
    "https://host/?next=%2Fx%3Ftoken%3D<T>",
    "https://host/#access_token=<T>&token_type=bearer",
    "https://host/reset?token=<T>",
    "wss://host/socket?auth=<T>",
    "https://host/v1?client_secret=<T>",
    "https://host/v1?password=<P>",
)
CONNECTIONS = (
    "postgres://app:<P>@db:5432/shop",
    "postgresql+asyncpg://app:<P>@db/shop?ssl=require",
    "postgres://app:<P>@h1:5432,h2:5432/shop",
    "postgresql://db/shop?user=app&password=<P>",
    "mysql://root:<P>@db:3306/shop",
    "mysql+pymysql://root:<P>@db/shop",
    "root:<P>@tcp(db:3306)/shop?parseTime=true",
    "mongodb://root:<P>@m1,m2/?replicaSet=rs",
    "mongodb+srv://root:<P>@cluster.example/shop",
    "redis://:<P>@cache:6379/0",
    "rediss://default:<P>@cache:6380",
    "amqp://guest:<P>@queue:5672/%2F",
    "amqps://guest:<P>@queue/vhost",
    "Server=db;Database=shop;User Id=sa;Password=<P>;Encrypt=yes",
    "Data Source=db;Initial Catalog=shop;User ID=sa;Pwd=<P>",
    "Driver={ODBC Driver 18};Server=db;Uid=sa;Pwd={<P>};",
    "Server=db;Uid=sa;Pwd='<P>';",
    "DSN=shop;UID=app;PWD=<P>",
    "jdbc:postgresql://db/shop?user=app&password=<P>",
    "jdbc:mysql://db/shop?user=app&password=<P>&useSSL=true",
    "jdbc:sqlserver://db:1433;databaseName=shop;user=sa;password=<P>",
    "jdbc:oracle:thin:scott/<P>@//db:1521/x",
    "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=<T>==;EndpointSuffix=core.example",
    "Endpoint=sb://bus.example/;SharedAccessKeyName=Root;SharedAccessKey=<T>=",
    "SharedAccessSignature sr=hub&sig=<T>&se=1",
    "HostName=hub.example;DeviceId=d;SharedAccessKey=<T>=",
    "smtps://mailer:<P>@mail.example:465",
    "ldap://cn=admin:<P>@ldap.example",
    'sasl.jaas.config=PlainLoginModule required username="app" password="<P>";',
    "clickhouse://default:<P>@ch:9000/db",
    "mssql+pyodbc:///?odbc_connect=DRIVER%3Dx%3BUID%3Dsa%3BPWD%3D<P>",
    "snowflake://app:<P>@acct/db",
    "sqlserver://sa:<P>@db?database=shop",
    "nats://app:<P>@nats:4222",
    "host=db port=5432 user=app password=<P> sslmode=require",
    "cockroachdb://app:<P>@db:26257/shop",
)
STATEMENTS = (
    "CREATE USER 'app'@'%' IDENTIFIED BY '<P>'",
    "create user app identified by <P>",
    'ALTER USER app IDENTIFIED BY "<P>" ACCOUNT UNLOCK',
    "ALTER USER 'app'@'%' IDENTIFIED WITH mysql_native_password BY '<P>'",
    "GRANT ALL ON *.* TO 'app'@'%' IDENTIFIED BY PASSWORD '<P>'",
    "CREATE ROLE app LOGIN PASSWORD '<P>'",
    "CREATE USER app WITH ENCRYPTED PASSWORD '<P>' VALID UNTIL 'infinity'",
    "alter role app password '<P>'",
    "SET PASSWORD FOR 'app'@'%' = PASSWORD('<P>')",
    "SET PASSWORD = '<P>'",
    "CREATE LOGIN app WITH PASSWORD = N'<P>'",
    "CREATE LOGIN app WITH PASSWORD = '<P>', CHECK_POLICY = ON",
    "ALTER LOGIN app WITH PASSWORD = '<P>' OLD_PASSWORD = '<P>'",
    "OPEN MASTER KEY DECRYPTION BY PASSWORD = '<P>'",
    "UPDATE users SET password = '<P>' WHERE id = 1",
    "CREATE USER app\n  IDENTIFIED BY '<P>'\n  DEFAULT ROLE r",
    "CREATE SUBSCRIPTION s CONNECTION 'host=db password=<P>'",
    "COPY t FROM 's3://b' CREDENTIALS 'aws_access_key_id=x;aws_secret_access_key=<T>'",
    "CREATE USER MAPPING FOR app SERVER s OPTIONS (user 'x', password '<P>')",
)
FILES = (
    "machine api.example login bob password <P>",
    "machine api.example\n  login bob\n  password <P>\n",
    "default login anonymous password <P>",
    "machine api.example\\nlogin bob\\npassword <P>\\n",
    "DB_PASSWORD=<P>",
    "DB_PASSWORD='<P>'",
    'export SECRET_KEY_BASE="<T>"',
    "SMTP_PASS=<P>",
    "OPENAI_KEY=<T>",
    "STRIPE_SIGNING_SECRET=<T>",
    "APP_PIN=<D>",
    "SENTRY_DSN=https://<H>@o1.ingest.example/2",
    "JWT_SECRET: <T>",
    "password: <P>",
    "password: one <P> three words",
    "password: |\n  <P>\nuser: bob",
    "passphrase: >-\n    <P>\n",
    'db:\n  user: app\n  password: "<P>"\n',
    "token: '<T>'",
    "- name: API_TOKEN\n  token: <T>",
    'password = "<P>"',
    "password = '''<P>'''",
    'api_key = """<T>"""',
    "[db]\nuser = app\npassword = <P>\n",
    "[db]\npassword = correct <P> battery\n",
    "spring.datasource.password=<P>",
    "<password><P></password>",
    "<db:clientSecret><T></db:clientSecret>",
    '<add key="ApiPassword" value="<P>"/>',
    '<setting name="smtpPassword" value="<P>" />',
    '{"password": "<P>"}',
    '{"user": "bob", "passwd" : "<P>"}',
    '{\n  "client_secret":\n    "<T>"\n}',
    '{"auths": {"registry.example": {"auth": "<B>"}}}',
    "//registry.example/:_authToken=<T>",
    "//registry.example/:_password=<T>",
    "[Interface]\nPrivateKey = <T>=\n",
    "PresharedKey = <T>=",
    "aws_secret_access_key = <T>",
    "client-key-data: <K>",
    "const apiKey = '<T>';",
    'password := "<P>"',
    'setPassword("<P>")',
    "os.environ['API_TOKEN'] = '<T>'",
    'config["password"] = "<P>"',
    'private static final String PASSWORD = "<P>";',
    'Content-Disposition: form-data; name="password"\r\n\r\n<P>\r\n--x',
    "the password is <T>",
    "Password is: <P>",
    "log in as bob with the password <P> please",
    "password:\n  <P>\n",
    "pass = <P>",
    "password -> <P>",
    "<secret type='x'><T></secret>",
    '("Authorization", "Bearer <T>")',
    "['X-Api-Key', '<T>']",
    "alter user app password <P>",
    "Bearer%20<T>",
    "root:$6$saltsalt$<T><T>:19000:0:99999:7:::",
    "bob:$2y$10$<T>xyzxyzxyzxyz",
)
HOOKS = (
    "https://hooks.slack.com/services/T00/B00/<T>",
    "https://hooks.slack.com/workflows/T00/A00/1/<T>",
    "https://discord.com/api/webhooks/123456789012345678/<T>",
    "https://discordapp.com/api/v10/webhooks/123456789012345678/<T>",
    "https://acme.webhook.office.com/webhookb2/<U>@<U>/IncomingWebhook/<H>/<U>",
    "https://outlook.office.com/webhook/<U>@<U>/IncomingWebhook/<H>/<U>",
    "https://prod-1.westeurope.logic.example/workflows/x/triggers/manual?sp=r&sv=1&sig=<T>",
    "https://chat.example/v1/spaces/x/messages?key=<T>&token=<T>",
    "https://api.telegram.org/bot<D>:<T>/sendMessage",
    "https://chat.acme.example/hooks/<T>",
    "https://open.feishu.example/open-apis/bot/v2/hook/<U>",
    "https://oapi.dingtalk.example/robot/send?access_token=<H>",
    "https://qyapi.weixin.example/cgi-bin/webhook/send?key=<U>",
    "https://maker.ifttt.com/trigger/door/with/key/<T>",
    "https://hooks.zapier.com/hooks/catch/1/<T>/",
    "https://webexapis.example/v1/webhooks/incoming/<T>",
    "https://zulip.example/api/v1/external/x?api_key=<T>&stream=y",
    "https://hook.eu1.make.com/<T>",
)
ISSUED = (
    *(f"{prefix}_<T>" for prefix in ("gh" + kind for kind in "pousr")),
    "github" + "_pat_<T>",
    *(f"gl{kind}-<T>" for kind in ("pat", "dt", "rt", "ptt", "soat", "agent")),
    *(f"xox{kind}-1234-<T>" for kind in "bpars"),
    "xapp" + "-1-A1-<T>",
    *(f"{kind}_{mode}_<T>" for kind in ("sk", "rk") for mode in ("live", "test")),
    *(
        f"{prefix}_<T>"
        for prefix in ("npm", "hf", "gsk", "whsec", "shp" + "at", "dop" + "_v1", "glsa", "rubygems")
    ),
    *(f"{prefix}_<T>" for prefix in ("lin" + "_api", "ntn", "sbp", "nfp", "r8", "pscale" + "_tkn", "figd")),
    *(
        f"{prefix}-<T>"
        for prefix in ("sk", "sk-proj", "sk-ant-api03", "pypi", "xai", "GOC" + "SPX", "PM" + "AK")
    ),
    *(f"{prefix}-<T>" for prefix in ("NR" + "AK", "nvapi", "pplx", "tskey" + "-auth", "xkey" + "sib")),
    *("ya" + "29.<T>", "hv" + "s.<T>", "S" + "G.<H>.<T>", "dp" + ".pt.<T>", "AT" + "ATT3<T>"),
    *("ey" + "J<T>.ey" + "J<T>.<T>", "abc8" + "Q~<T>"),
    *("da" + "pi<H>", "AI" + "za<T>", "1/" + "/0<T>", "<D>:A" + "A<T>", "key-" + "<H>"),
)

GROUPS = {
    "command lines": COMMAND_LINES,
    "headers": HEADERS,
    "addresses": ADDRESSES,
    "connections": CONNECTIONS,
    "statements": STATEMENTS,
    "files": FILES,
    "hooks": HOOKS,
    "issued": ISSUED,
}


def _filled(template: str) -> tuple[str, list[str]]:
    """Return the text, and the secrets in it."""
    secrets = []
    for mark, make in _SECRETS.items():
        while mark in template:
            secret = make()
            template = template.replace(mark, secret, 1)
            secrets.append(secret)
    return template, secrets


_SECRETS = {
    "<P>": lambda: _mixed(14),
    "<T>": lambda: _mixed(40),
    "<H>": lambda: "7f" + _drawn("0123456789abcdef", 30),
    "<B>": lambda: base64.b64encode(f"bob:{_mixed(15)}".encode()).decode(),
    "<U>": lambda: str(uuid.UUID(int=_random.getrandbits(128))),
    "<D>": lambda: "9" + _drawn(string.digits, 7),
    "<K>": lambda: base64.b64encode(_private_key("EC ").encode()).decode(),
}


STRUCTURED = (
    [["Authorization", "Bearer <T>"], ["Accept", "text/html"]],
    [["user", "bob"], ["password", "<P>"]],
    ["Host", "example.org", "X-Api-Key", "<T>"],
    ["authorization", "<T>"],
    {"headers": [{"name": "X-Auth-Token", "value": "<T>"}]},
    {"headers": [{"key": "Cookie", "values": ["<T>"]}]},
    [{"Name": "DB_PASSWORD", "Value": "<P>"}],
    [{"header": "X-Vault-Token", "value": "<T>"}],
    {"headers": {"X-Api-Key": ["<T>"], "Accept": ["*/*"]}},
    {"rawHeaders": ["Cookie", "<T>", "Accept", "*/*"]},
    ["tool", "--token", "<T>", "--verbose"],
    ["mysql", "-u", "root", "-p<P>", "shop"],
    ["sshpass", "-p", "<P>", "ssh", "host"],
    ["redis-cli", "-a", "<P>"],
    ["curl", "-H", "Authorization: Bearer <T>"],
    ["docker", "run", "-e", "DB_PASSWORD=<P>"],
    {"env": {"DB_PASSWORD": "<P>", "LANG": "C"}},
    {"auth": {"username": "bob", "password": "<P>"}},
    {"credentials": {"user": "bob", "x": "<P>"}},
    {"a": {"b": [{"client-secret": "<T>"}]}},
)
"""JSON values with a secret that its neighbours show to be one."""


def planted_values() -> Iterator[tuple[Any, list[str]]]:
    """Yield every planted value and its secrets."""
    for template in STRUCTURED:
        text, secrets = _filled(json.dumps(template))
        yield json.loads(text), secrets


def planted() -> Iterator[tuple[str, str, list[str]]]:
    """Yield the group, the text, and the secrets of every planted text."""
    for group, templates in GROUPS.items():
        for template in templates:
            text, secrets = _filled(template)
            yield group, text, secrets
    for kind in ("", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "):
        pem = _private_key(kind)
        body = pem.splitlines()[1:5]
        yield "private keys", f"key: {pem}", body
        yield "private keys", pem.replace("\n", "\\n"), body
        encoded = base64.b64encode(pem.encode()).decode()
        yield "private keys", f"data {encoded} end", [encoded[80:120], encoded[-60:]]
        wrapped = base64.encodebytes(pem.encode()).decode()
        yield "private keys", f"data:\n{wrapped}", wrapped.splitlines()[1:]
    for first in ("4539", "51", "2221", "37", "6011"):
        number = _card(first) if first != "37" else "37" + "8282246310005"[2:]
        if is_card_number(number):
            yield "cards", f"card {number} please", [number]
            spaced = " ".join(number[start : start + 4] for start in range(0, len(number), 4))
            yield "cards", f"card {spaced} please", [spaced]

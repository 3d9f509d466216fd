r"""The secrets of a deployment: passwords, the services' signing keys, the keys of codes and webhooks.

    python tools/deployment.py deploy/secrets --postgres postgres:5432 \
        --redis-cache cache:6379 --redis-events events:6379

What exists already is kept: run it again after an address has changed. Private files have mode 0600 and belong to
whoever runs this; the containers have to run as that user. The folder becomes

    postgres/password           the administrator's password
    postgres/url                GUERDON_POSTGRES_URL of `guerdon migrate`
    redis/cache, redis/events   their passwords
    roles/guerdon_<service>[_owner]   the roles' passwords, which `guerdon migrate` gives to the roles
    public/issuers.json, *.jwks.json  whose tokens the services accept; add your own issuers here
    <service>/                  GUERDON_SECRETS_DIR of the service, with its signing key
"""

import argparse
import json
import sys
from pathlib import Path
from urllib.parse import quote

from guerdon_kit.auth.keys import SERVICES, public_keys, service_issuer, signing_key, write_whole
from guerdon_kit.sealing import make_key_file
from guerdon_kit.secret_store import FolderSecrets
from rewards_catalog.store.code_keys import make_code_keys

ADMINISTRATOR = "postgres"


def main() -> int:
    """Make what is missing; say where it is."""
    arguments = _arguments()
    folder: Path = arguments.folder
    write_secrets(folder, arguments.postgres, arguments.redis_cache, arguments.redis_events)
    print(f"{folder}: ready. Add the issuers of your callers to {folder / 'public' / 'issuers.json'}")
    return 0


def write_secrets(folder: Path, postgres: str, cache: str, events: str) -> None:
    """Make the folder, or what it lacks; the URLs are written anew."""
    for part in ("", "public", *SERVICES):
        (folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
    roles, redis = FolderSecrets(folder / "roles"), FolderSecrets(folder / "redis")
    password = FolderSecrets(folder / "postgres").get("password")
    _write(folder / "postgres" / "url", f"postgresql://{ADMINISTRATOR}:{quote(password)}@{postgres}/postgres")
    for service in SERVICES:
        own = folder / service
        role = f"guerdon_{service}"
        roles.get(f"{role}_owner")
        _write(own / "guerdon_database_url", f"postgresql://{role}:{quote(roles.get(role))}@{postgres}/{role}")
        _write(own / "guerdon_redis_cache_url", f"redis://:{quote(redis.get('cache'))}@{cache}/0")
        _write(own / "guerdon_redis_events_url", f"redis://:{quote(redis.get('events'))}@{events}/0")
        key = signing_key(own / "signing_key.pem")
        write_whole(folder / "public" / f"{service}.jwks.json", public_keys(key), 0o644)
    make_code_keys(folder / "rewards_catalog" / "code_keys.json")
    for service in ("partner_exchange", "recognition"):
        make_key_file(folder / service / "webhook_keys.json")
    _write_issuers(folder / "public" / "issuers.json")


def _write_issuers(path: Path) -> None:
    """The services as issuers, and after them whatever others the file has."""
    known = json.loads(path.read_text()) if path.exists() else []
    services = [service_issuer(service, f"{service}.jwks.json") for service in SERVICES]
    others = [issuer for issuer in known if issuer.get("service") is None]
    write_whole(path, json.dumps([*services, *others], indent=1).encode(), 0o644)


def _write(path: Path, text: str) -> None:
    write_whole(path, text.encode(), 0o600)


def _arguments() -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--postgres", default="postgres:5432", metavar="HOST:PORT")
    parser.add_argument("--redis-cache", default="cache:6379", metavar="HOST:PORT")
    parser.add_argument("--redis-events", default="events:6379", metavar="HOST:PORT")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

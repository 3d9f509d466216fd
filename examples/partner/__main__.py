"""A partner with a ledger of its own, as a server that partner exchange calls.

    python -m examples.partner --listen 127.0.0.1:7100 --database partner.db --jwks partner_exchange.jwks.json \
        --audience guerdon.partners/skyways --member ada=10000

Needs the package `guerdon` and nothing else. Without --jwks it asks for no token; without --key and --certificate it
has no TLS: both for this machine only. A member that is given as `id=points` is made, with the points, where there is
none.
"""

from __future__ import annotations

import argparse
from concurrent import futures
from pathlib import Path

import grpc

from examples.partner.books import Books
from examples.partner.servicer import PartnerLedger
from examples.partner.tokens import Tokens
from guerdon.exchange.v1.partner_ledger_service_pb2_grpc import add_PartnerLedgerServiceServicer_to_server

THREADS = 8


def arguments() -> argparse.Namespace:
    """What the server is told."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m examples.partner", description=__doc__, formatter_class=raw)
    parser.add_argument("--listen", default="127.0.0.1:7100", help="host:port")
    parser.add_argument("--database", type=Path, required=True, help="the file of the partner's own ledger")
    parser.add_argument("--jwks", type=Path, help="the public keys of partner exchange")
    parser.add_argument("--audience", default="", help="who the tokens are for: guerdon.partners/…")
    parser.add_argument("--key", type=Path, help="the server's private key (PEM)")
    parser.add_argument("--certificate", type=Path, help="its certificate chain (PEM)")
    parser.add_argument("--member", action="append", default=[], help="id=points")
    return parser.parse_args()


def main() -> None:
    """Serve until the process is ended."""
    told = arguments()
    books = Books(told.database)
    for given in told.member:
        member, _, points = given.partition("=")
        if books.available(member) is None:
            books.give(member, int(points))
    serve(PartnerLedger(books, Tokens(told.jwks, told.audience) if told.jwks else None), told)


def serve(ledger: PartnerLedger, told: argparse.Namespace) -> None:
    """Serve a partner's ledger."""
    server = grpc.server(futures.ThreadPoolExecutor(THREADS))
    add_PartnerLedgerServiceServicer_to_server(ledger, server)
    if told.key and told.certificate:
        pair = (told.key.read_bytes(), told.certificate.read_bytes())
        server.add_secure_port(told.listen, grpc.ssl_server_credentials([pair]))
    else:
        server.add_insecure_port(told.listen)
    server.start()
    print(f"listening on {told.listen}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()

"""`guerdon export-taxable`: what people received or redeemed, as a CSV file for who taxes them."""

from __future__ import annotations

import asyncio
import csv
from enum import Enum
from pathlib import Path
from typing import Annotated, TextIO

import typer

import guerdon
from guerdon.recognition.v1 import insights_pb2 as pb
from guerdon_cli.cells import text_cell
from guerdon_cli.running import Target, running_recognition
from guerdon_cli.stack import RECOGNITION
from guerdon_cli.terminal import DATA_FOLDER, DataFolder, ends_on_signal, failures_told, written
from guerdon_kit.launch.ports import LOOPBACK

SCOPES = ("recognition.taxable.export", "recognition.act_for")
SUBJECT = "guerdon-export"
TARGET = f"{LOOPBACK}:{RECOGNITION.port}"
TIMEOUT_S = 24 * 3600.0
HEADER = ("person", "display_name", "country", "category", "points", "minor_units", "currency_code")


class Basis(Enum):
    """What is taxed."""

    RECEIVED = "received"
    REDEEMED = "redeemed"


_BASES = {Basis.RECEIVED: pb.TAXABLE_BASIS_RECEIVED, Basis.REDEEMED: pb.TAXABLE_BASIS_REDEEMED}


def export_taxable(
    organisation: Annotated[str, typer.Argument(help="Its name, such as organisations/acme.")],
    first_period: Annotated[str, typer.Option("--from", help="The first month, such as 2026-04.")],
    last_period: Annotated[str, typer.Option("--to", help="The last month; the first one by default.")] = "",
    basis: Annotated[Basis, typer.Option(help="Whether what was received is taxed, or what was redeemed.")] = (
        Basis.RECEIVED
    ),
    output: Annotated[
        Path | None, typer.Option(help="Where it goes; the standard output by default.", dir_okay=False)
    ] = None,
    data: DataFolder = DATA_FOLDER,
    target: Target = TARGET,
) -> None:
    """Write what people received or redeemed in some months, with its worth where they are employed, as CSV.

    A row for each person and category; points and minor units are whole numbers. Where nothing says what a point is
    worth in a country, minor_units is empty.
    """
    with failures_told(), ends_on_signal():
        request = pb.ExportTaxableValuesRequest(
            parent=organisation, first_period=first_period, last_period=last_period, basis=_BASES[basis]
        )
        with running_recognition(data, target, SUBJECT, SCOPES) as (address, token), written(output) as file:

            async def run() -> None:
                async with guerdon.Client(address, token=token, stream_timeout_seconds=TIMEOUT_S) as client:
                    await write_taxable(client, request, file)

            asyncio.run(run())
        raise typer.Exit(0)
    raise typer.Exit(130)


async def write_taxable(client: guerdon.Client, request: pb.ExportTaxableValuesRequest, file: TextIO) -> None:
    """Writes the rows that are asked for, under a header."""
    writer = csv.writer(file)
    writer.writerow(HEADER)
    async for page in client.insights.ExportTaxableValues(request):
        writer.writerows(map(_row, page.rows))


def _row(value: pb.TaxableValue) -> tuple[str | int, ...]:
    return (
        text_cell(value.person.rpartition("/")[2]),
        text_cell(value.display_name),
        value.country,
        pb.TaxableCategory.Name(value.category).removeprefix("TAXABLE_CATEGORY_").lower(),
        value.amount,
        value.minor_units if value.HasField("minor_units") else "",
        value.currency_code,
    )

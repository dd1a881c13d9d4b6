"""``shards``: where the index of references is spread over machines."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli.session import (
    DEFAULT_TENANT,
    Json,
    TenantName,
    answering,
    caller_for,
    opened,
    say,
    tell,
)

if TYPE_CHECKING:
    from scanner.catalogue import Catalogue

app = typer.Typer(help="Parts of the index on machines of their own.", no_args_is_help=True)
Named = Annotated[
    str, typer.Option("--shard", metavar="K/N", help="Which of how many: 2/8 is the second of 8.")
]


@app.command()
@answering
def serve(
    shard: Named,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: any free port.")] = 9000,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    as_json: Json = False,
) -> None:
    """Search the references of one shard for the others until SIGTERM or Ctrl-C."""
    from scanner.settings import Settings
    from scanner.shards.placement import Shard
    from scanner.shards.server import serve as run

    own = Shard.of(shard)
    with opened():
        pass  # says at once what is missing

    def announce(host: str, port: int) -> None:
        address = f"http://{host}:{port}"
        view = {"shard": str(own), "address": address}
        if as_json:
            say(view)
        else:
            print(f"shard {own} listens on {address}", flush=True)

    run(Settings().model_copy(update={"host": host, "port": port}), own, announce)


@app.command()
@answering
def check(shard: Named, tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """Read every byte of a tenant's index on this shard, and hold it against the database."""
    with _opened(shard, tenant) as (catalogue, tenant_id):
        count = catalogue.compare(tenant_id)
    words = f"shard {shard} of {tenant}: {count} references, as in the database"
    tell({"shard": shard, "tenant": tenant, "references": count}, as_json, words)


@app.command()
@answering
def compact(shard: Named, tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """Take what was retired out of a shard's files at once; it is never found meanwhile."""
    with _opened(shard, tenant) as (catalogue, tenant_id):
        size = catalogue.compact(tenant_id)
    words = f"shard {shard} of {tenant} takes {size / 1e6:.1f} MB"
    tell({"shard": shard, "tenant": tenant, "bytes": size}, as_json, words)


@app.command()
@answering
def rebuild(shard: Named, tenant: TenantName = DEFAULT_TENANT, as_json: Json = False) -> None:
    """Build a shard anew from the database; searches go on with what there is until then."""
    with _opened(shard, tenant) as (catalogue, tenant_id):
        count = catalogue.rebuild(
            tenant_id, lambda number: typer.echo(f"{number} references so far", err=True)
        )
    words = f"shard {shard} of {tenant} was built anew: {count} references"
    tell({"shard": shard, "tenant": tenant, "references": count}, as_json, words)


@contextmanager
def _opened(shard: str, tenant: str) -> Iterator[tuple["Catalogue", str]]:
    """Open the index of a shard that lies on this machine, for a tenant."""
    from scanner.shards.placement import Shard

    own = Shard.of(shard)
    with opened() as service:
        yield service.shard_catalogue(own), caller_for(service, tenant).tenant_id

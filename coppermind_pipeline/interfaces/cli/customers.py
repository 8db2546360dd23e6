"""`coppermind customers`: accounts that own minds."""

from typing import Annotated

import typer

from coppermind_pipeline.interfaces.cli import output

app = typer.Typer(help="Accounts that own minds.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The customer's name.")], *, as_json: output.JsonOption = False
) -> None:
    """Create a customer. On a new installation there is one already, `local`."""
    from coppermind_pipeline.accounts import create_customer
    from coppermind_pipeline.interfaces.installation import open_installation

    with open_installation() as installation:
        customer = create_customer(installation.database, name)
    output.show(customer, as_json=as_json, human=lambda: f"Customer {customer.name} is created.")


@app.command("list")
def list_(*, as_json: output.JsonOption = False) -> None:
    """List the customers of this installation."""
    from coppermind_pipeline.accounts import list_customers
    from coppermind_pipeline.interfaces.installation import open_installation

    with open_installation() as installation:
        customers = list_customers(installation.database)
    output.show(
        {"customers": customers},
        as_json=as_json,
        human=lambda: output.table("Customer", rows=([c.name] for c in customers), empty="There is no customer."),
    )

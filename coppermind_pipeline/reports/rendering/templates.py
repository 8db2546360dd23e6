"""The pages' templates, which may include the pages' style sheets."""

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template


@cache
def template(name: str) -> Template:
    """Return a template by its file's name; it escapes all that it is given."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("coppermind_pipeline.reports", of) for of in ("templates", "static")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)

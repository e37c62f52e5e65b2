"""The `disclosure` part of a declaration: what only people know of a release, for the documents that it carries.

Nothing here changes what is selected or how it is judged. All of it is optional: what is left out is written as
"not stated" and listed as to be filled in, and nothing is guessed in its place.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from anchor_pipeline.project.base import Day, Model

_COUNTRY = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
_URL = re.compile(r"https?://[!#-&(-;=?-Z_a-z~]+", re.IGNORECASE)


def _country(value: str) -> str:
    if _COUNTRY.fullmatch(value) is None:
        raise ValueError(
            f"{value!r} is no place of ISO 3166; write a country, such as DE, or a part of it, as in US-CA"
        )
    return value


def followable(value: str) -> bool:
    """Whether readers of a document can follow an address: http or https, no user and password, nothing to escape."""
    return _URL.fullmatch(value) is not None and "@" not in value.split("://", 1)[1].split("/", 1)[0]


def _address(value: str) -> str:
    if not followable(value):
        raise ValueError(f"{value!r} is no address that readers can follow; write https://… without user and password")
    return value


# Not `type X = …`, which Python 3.11 does not know.
Country: TypeAlias = Annotated[str, AfterValidator(_country)]
Address: TypeAlias = Annotated[str, AfterValidator(_address)]

Acquired = Literal["public", "commercial_licence", "third_party", "crawled", "user_data", "synthetic", "own"]
Right = Literal["copyright", "trademark", "patent", "public_domain"]


class Provider(Model):
    """Who answers for the model and its data."""

    shorthand = "name"
    name: str
    """Legal name."""
    address: str | None = None
    """Postal address."""
    contact: str | None = None
    """E-mail address or page where one can ask."""
    representative: str | None = None
    """Authorised representative in the European Union with contact details (AI Act, Article 54)."""
    small: bool | None = None
    """Whether it is a small or medium-sized enterprise, which lists fewer of the domains it crawled."""


class ModelIdentity(Model):
    """The model that the data is for."""

    shorthand = "name"
    name: str
    """Name of the model."""
    versions: tuple[str, ...] = ()
    """Its versions that are trained on this data, named such that nobody takes one for another."""
    based_on: str | None = None
    """The general-purpose model that it was made from, with a link to that model's summary."""
    purpose: str | None = None
    """What the system is for."""


class Disclosure(Model):
    """What only people can say of the releases of this project; the rest is taken from the record."""

    title: str | None = None
    """Title of the data set; default: the names of the project and the stage."""
    description: str | None = None
    """What the data set is, in a few sentences; default: the description of the stage."""
    version: str | None = None
    """Version of the documents, such as V1; default: the cycle."""
    previous_versions: tuple[Address, ...] = ()
    """Where earlier versions of the public summary can be read."""
    provider: Provider | None = None
    """Who answers for the model and its data."""
    model: ModelIdentity | None = None
    """The model that the data is for."""
    licence: str | None = None
    """SPDX expression or address of the terms under which the data set as a whole is given on."""
    citation: str | None = None
    """How to cite the data set."""
    homepage: Address | None = None
    """Where the data set, or its documents, can be found."""
    content: str | None = None
    """Types of content as a whole: fiction, scientific text, source code, …"""
    languages: str | None = None
    """The languages of the data as a whole."""
    characteristics: str | None = None
    """Other relevant characteristics: national, regional or demographic ones."""
    market_date: Day | None = None
    """When the model was, or will be, placed on the market of the European Union."""
    knowledge_cutoff: Day | None = None
    """The last day of the world that the model is said to know; compared with the newest document."""
    continuous_training: bool | None = None
    """Whether training goes on with newer data after that."""
    first_used: Day | None = None
    """When the data was first used in the development of the system."""
    code_of_practice: bool | None = None
    """Whether the provider has signed the Code of Practice for general-purpose AI models."""
    rights_reservations: str | None = None
    """What was done to respect reservations of rights from text and data mining, before and during collection."""
    illegal_content_measures: str | None = None
    """What was done to keep illegal content out of the data, or to remove it."""
    processing: str | None = None
    """Anything else about the processing of the data that readers should know."""


class Crawler(Model):
    """The crawler that collected a source."""

    shorthand = "name"
    name: str
    """Its name or identifier, as web sites see it."""
    purpose: str | None = None
    """What it crawls for."""
    behaviour: str | None = None
    """How it behaves: robots.txt, captchas, paywalls, pace."""
    content: str | None = None
    """What kind of content and of online sources it collects."""
    domains: str | None = None
    """The most relevant domain names crawled, or where their list can be read: the top 10 % by size of content; small
    and medium-sized enterprises give the top 5 % or 1,000, whichever is less."""


class SourceDisclosure(Model):
    """What only people can say of a source."""

    acquired: Acquired | None = None
    """How the data came to the provider: a `public` data set, a `commercial_licence` agreed with rightsholders, from a
    `third_party`, `crawled`, as `user_data`, as `synthetic` data made by or for the provider, or its `own`."""
    title: str | None = None
    """Name under which the data set is known."""
    url: Address | None = None
    """Where readers find the data set."""
    owner: str | None = None
    """Legal name of who owns it, or holds the rights in it."""
    content: str | None = None
    """Types of content."""
    labels: str | None = None
    """The types of labels that it has, if it is labelled."""
    purpose: str | None = None
    """How it furthers the purpose of the system."""
    rights: Annotated[tuple[Right, ...], Field(min_length=1)] | None = None
    """What protects its content: copyright, trademark, patent; or `public_domain` alone, if all of it is in that."""
    personal_information: bool | None = None
    """Whether it holds personal information (California Civil Code § 1798.140(v))."""
    aggregate_consumer_information: bool | None = None
    """Whether it holds aggregate consumer information (California Civil Code § 1798.140(b))."""
    purchased: bool | None = None
    """Whether it was bought."""
    ongoing: bool | None = None
    """Whether it is still being collected."""
    first_used: Day | None = None
    """When it was first used in the development of the system."""
    places: tuple[Country, ...] = ()
    """Where the data was collected: countries (ISO 3166), such as DE, or parts of them, as in US-CA."""
    crawler: Crawler | None = None
    """For crawled data: by which crawler."""
    user_data: Literal["model", "services"] | None = None
    """For user data: whether it comes from using the `model` itself, or other `services` and products."""
    services: str | None = None
    """For user data: the services or products that it was collected with."""
    on_market: bool | None = None
    """For synthetic data: whether the model that wrote it is available on the market."""
    generator_summary: Address | None = None
    """For synthetic data: the public summary of the model that wrote it."""
    generator_training: str | None = None
    """For synthetic data of other models: what is known of the data that those were trained on."""

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> SourceDisclosure:
        if self.rights is not None and "public_domain" in self.rights and len(self.rights) > 1:
            raise ValueError("`public_domain` says that nothing is protected; name it alone, or leave it out")
        for key, needed in (("crawler", "crawled"), ("user_data", "user_data"), ("services", "user_data")):
            if getattr(self, key) is not None and self.acquired != needed:
                raise ValueError(f"`{key}` is for data acquired as {needed}; declare `acquired: {needed}` too")
        return self

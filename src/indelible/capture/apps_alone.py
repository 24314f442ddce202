"""An ASGI app without a server that we know: its HTTP exchanges are followed, not its messages."""

from __future__ import annotations

import atexit
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from indelible.capture.apps import Apps
from indelible.capture.assemble import open_emitter
from indelible.capture.caller import Caller
from indelible.capture.setup import Setup, rules_of
from indelible.config.sections import IdentitySection
from indelible.model.event import Origin

if TYPE_CHECKING:
    from indelible.deliver.sink import Sink

_ASGI = ["scope", "receive", "send"]


def is_app(thing: Any) -> bool:
    """Return whether *thing* is an ASGI app: one of Starlette's, or called as ASGI says."""
    if hasattr(thing, "add_middleware") and hasattr(thing, "user_middleware"):
        return True
    function = thing if inspect.isfunction(thing) else vars(type(thing)).get("__call__")
    if not inspect.iscoroutinefunction(function):
        return False
    return [name for name in inspect.signature(function).parameters if name != "self"] == _ASGI


def attach_app(
    app: Any, setup: Setup, warn: Callable[[str], None], sink: Sink | None = None
) -> Any:
    """Return *app* with its HTTP exchanges recorded: a Starlette app itself, any other wrapped."""
    called = setup.server or "app"
    origin = Origin(called, "http", "sdk", setup.version)
    rules = rules_of(setup, called, warn)
    emitter = open_emitter(
        setup.state, origin, policy=setup.policy, warn=warn, sink=sink, rules=rules
    )
    emitter.start()
    atexit.register(emitter.drain)  # the last registered is called first
    atexit.register(emitter.close)
    section = setup.loaded.config.identity if setup.loaded else IdentitySection()
    caller = Caller(emitter.recorder, section, setup.state, warn)
    return Apps(emitter.recorder, caller, section, setup.version or "unknown", warn).follow(app)

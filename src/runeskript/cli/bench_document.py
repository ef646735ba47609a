"""The document that ``rune bench`` compiles: as long as asked, as varied as documents are.

Written by a seeded generator, so that every machine measures the same text. It is put together from
sections, each a small piece of business with variables, ids and texts of its own: calls with
several parameters and a retry, assignments with arithmetic, conditions, loops, forks, attempts
that may fail. Six lines a step on average, none of it repeated for its own sake.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

#: What the calls name; each takes whatever it is given.
HANDLERS: Final = (
    "http.get",
    "http.post",
    "inventory.reserve",
    "inventory.release",
    "payments.charge",
    "payments.refund",
    "mail.send",
    "crm.update",
    "search.index",
    "files.store",
    "pricing.quote",
    "audit.record",
)

_HEAD: Final = """\
skript: order-book
version: 1
labels:
  team: shop
  tier: gold
input:
  type: object
  required: [user, items, rate]
  properties:
    user:
      type: object
      required: [id, name, level]
      properties:
        id: {type: string}
        name: {type: string}
        level: {enum: [VIP, member, guest]}
        address: {type: object}
    items:
      type: array
      items:
        type: object
        required: [sku, qty, price]
        properties:
          sku: {type: string}
          qty: {type: integer}
          price: {type: number}
    rate: {type: number}
    dry: {type: boolean}
env: [REGION, PRICING_URL, SHOP_URL]
vars:
  discount: 1.0
  attempts: 0
  config:
    retries: 3
    regions: [eu-west, eu-north, us-east]
    mail: {from: shop@example.org, reply: no-reply@example.org}
  tags: []
  count: {init: 0, reduce: sum}
functions:
  net(price, qty, off): price * qty * off
  gross(amount, rate): amount + amount * rate / 100
  between(x, low, high): min(max(x, low), high)
  label(kind, number): "kind + '-' + str(number)"
  is_big(amount): amount > 1000 and amount % 2 == 0
  tier(points): "'gold' if points > 900 else 'silver' if points > 300 else 'plain'"
do:
"""

_NOUNS: Final = (
    "order", "parcel", "invoice", "quote", "basket", "refund", "ticket", "supplier", "shelf",
    "voucher", "customer", "shipment",
)  # fmt: skip
_VERBS: Final = ("check", "book", "send", "store", "price", "notify", "index", "reserve", "sync")
_FIELDS: Final = ("sku", "title", "carrier", "depot", "channel", "note", "currency", "origin")
_WORDS: Final = ("express", "eu-west", "EUR", "by truck", "web", "handle with care", "first class")
_TEXTS: Final = (
    "{noun} ${{{var}.id}} for ${{input.user.name}} is on its way",
    "Dear ${{input.user.name}}, your {noun} of ${{{num}}} items was {word}",
    "{noun} {n}: ${{{num} * 2}} of ${{len(input.items)}} done",
    "failed after ${{attempts}} attempts in ${{env.REGION}}: {word}",
)
_SMALL: Final = (1, 2, 3, 4, 5, 7, 10, 12, 15, 19, 20, 25, 30)
_LARGE: Final = (50, 60, 80, 90, 100, 120, 200, 250, 365, 500, 750, 1000, 1440, 2000, 3600, 5000)
_MEASURES: Final = (
    "{num} * {n} + {m}",
    "({num} + {other}) * {m} - {n}",
    "round({num} * input.rate / {n}, 2)",
    "net({num}, {n}, discount)",
    "gross({num}, {m}) - min({other}, {n})",
    "between({num}, {m}, {n} + 10)",
    "sum([i.qty * i.price for i in input.items if i.qty > {m}]) + {num}",
    "len(input.items) * {n} - {other} // {m}",
    "max({num}, {other}, {n}) % {n}",
    "abs({num} - {other}) + get({var}, 'weight', {m})",
)
_CONDITIONS: Final = (
    "{num} > {n}",
    "{num} > {n} and {other} <= {m}",
    "input.user.level == 'VIP' and {num} > {n}",
    "{var}.status == 'ready' or {num} == {n}",
    "has({var}, '{field}') and {var}.{field} != '{word}'",
    "is_big({num}) or not ({other} < {m})",
    "input.user.name in config.regions or len(input.items) > {m}",
    "{m} < {num} < {n} + {m}",
)


def document(steps: int, seed: int = 1) -> str:
    """A valid document of exactly ``steps`` steps and about six times as many lines."""
    writer = _Writer(Random(seed), steps)  # noqa: S311 - variety, not secrecy
    while writer.left > 0:
        writer.section()
    return _HEAD + "\n".join(writer.lines) + "\n"


class _Writer:
    """Writes steps until there are enough; every part looks at ``left`` before it opens a block."""

    def __init__(self, random: Random, steps: int) -> None:
        self.random = random
        self.left = steps
        self.lines: list[str] = []
        self.number = 0
        #: Numbers and objects that are set on every path to here.
        self.numbers: list[str] = []
        self.objects: list[str] = []
        #: How deep blocks are open, and whether in a branch (whose writes are its own).
        self.depth = 0

    # --- texts ---------------------------------------------------------------------------------
    def fill(self, forms: tuple[str, ...]) -> str:
        """One of the forms with names and numbers of this section."""
        pick = self.random.choice
        return pick(forms).format(
            noun=pick(_NOUNS),
            word=pick(_WORDS),
            field=pick(_FIELDS),
            num=pick(self.numbers),
            other=pick(self.numbers),
            var=pick(self.objects),
            n=pick(_LARGE),
            m=pick(_SMALL),
        )

    def name(self, stem: str) -> str:
        """A variable of this section that has no value yet."""
        self.number += 1
        return f"{stem}_{self.number}"

    def step(self, indent: str, *lines: str, counted: bool = False) -> None:
        """One step from its lines; those after the first are indented below it.

        ``counted``: whoever opened the block around it has counted it already, so that a block
        that needs a last step never runs out of steps.
        """
        self.left -= not counted
        self.lines.append(f"{indent}- {lines[0]}")
        self.lines.extend(f"{indent}  {line}" for line in lines[1:])

    # --- sections ------------------------------------------------------------------------------
    def section(self) -> None:
        """A few variables, and twenty to forty steps that work with them."""
        first, second = self.name("amount"), self.name("count")
        self.lines += ["", f"  # {self.random.choice(_NOUNS)}: {self.random.choice(_VERBS)}"]
        self.numbers = ["attempts"]
        self.objects = ["input.user"]
        self.step("  ", "set:", f"  {first}: {self.random.randrange(1, 900)}",
                  f"  {second}: ${{len(input.items) + {self.random.randrange(9)}}}")  # fmt: skip
        self.numbers += [first, second]
        if self.left > 0:
            self.call("  ")
        end = self.left - self.random.randrange(20, 40)
        while self.left > max(end, 0):
            self.any("  ")

    def any(self, indent: str) -> None:
        """One step of any kind, with all that is in it."""
        plain: tuple[Callable[[str], None], ...] = (self.call, self.call, self.call, self.set,
                                                    self.set, self.log, self.emit)  # fmt: skip
        blocks: tuple[Callable[[str], None], ...] = (self.if_, self.if_, self.switch, self.for_,
                                                     self.parallel, self.try_)  # fmt: skip
        deep = self.depth >= 3 or self.left < 12
        choices = plain if deep or self.random.random() < 0.75 else blocks
        self.random.choice(choices)(indent)

    def block(self, indent: str) -> None:
        """One to three steps; what they set is not seen outside."""
        numbers, objects = list(self.numbers), list(self.objects)
        self.depth += 1
        for _ in range(self.random.randrange(1, 4)):
            if self.left > 0:
                self.any(indent)
        self.depth -= 1
        self.numbers, self.objects = numbers, objects

    # --- steps ---------------------------------------------------------------------------------
    def call(self, indent: str) -> None:
        """A call with three to six parameters, its result, perhaps a retry."""
        random = self.random
        lines = [f"call: {random.choice(HANDLERS)}", "with:"]
        if random.random() < 0.4:
            lines.insert(0, f"id: {random.choice(_VERBS)}-{self.number}-{self.left}")
        for field in random.sample(_FIELDS, random.randrange(3, 7)):
            lines.append(f"  {field}: {self.parameter()}")
        if random.random() < 0.4:
            word, number = random.choice(_WORDS), random.choice(self.numbers)
            lines += ["  options:", f"    limit: {random.randrange(5, 500)}",
                      f'    tags: [{word}, "${{{number}}}"]']  # fmt: skip
        into = self.name(random.choice(_NOUNS))
        if random.random() < 0.7:
            lines.append(f"into: {into}")
            self.objects.append(into)
        if random.random() < 0.45:
            lines += ["retry:", "  on: [timeout, http.5xx]", f"  max: {random.randrange(2, 9)}",
                      f"  backoff: {random.randrange(1, 9)}00ms..{random.randrange(5, 60)}s",
                      ]  # fmt: skip
        if random.random() < 0.5:
            lines.append(f"timeout: {random.randrange(2, 90)}s")
        self.step(indent, *lines)

    def parameter(self) -> str:
        """A value: written out, an insert, or a text with inserts."""
        random = self.random
        kind = random.randrange(6)
        if kind == 0:
            return random.choice(_WORDS)
        if kind == 1:
            return str(random.randrange(10_000))
        if kind == 2:
            return f"${{{random.choice(self.objects)}}}"
        if kind == 3:
            return f'"${{{self.fill(_MEASURES)}}}"'
        if kind == 4:
            return f'"{self.fill(_TEXTS)}"'
        return f"${{{random.choice(self.objects)}.{random.choice(_FIELDS)}}}"

    def set(self, indent: str) -> None:
        """One to three assignments, texts and arithmetic."""
        lines = ["set:"]
        for _ in range(self.random.randrange(1, 4)):
            if self.random.random() < 0.6:
                name = self.name("total")
                lines.append(f"  {name}: ${{{self.fill(_MEASURES)}}}")
                self.numbers.append(name)
            else:
                lines.append(f'  {self.name("text")}: "{self.fill(_TEXTS)}"')
        self.step(indent, *lines)

    def log(self, indent: str) -> None:
        """A line in the log."""
        level = self.random.choice(("debug", "info", "warning"))
        self.step(indent, f'log: "{self.fill(_TEXTS)}"', f"level: {level}")

    def emit(self, indent: str) -> None:
        """A message."""
        topic = f"{self.random.choice(_NOUNS)}.{self.random.choice(_VERBS)}ed"
        self.step(indent, f"if: {self.fill(_CONDITIONS)}", f"emit: {topic}", "key: input.user.id",
                  "with:", f"  text: {self.parameter()}", f"  at: {self.parameter()}",
                  "keep: 24h")  # fmt: skip

    # --- steps that hold others ----------------------------------------------------------------
    def if_(self, indent: str) -> None:
        """A condition, perhaps a second one, perhaps neither."""
        self.step(indent, f"if: {self.fill(_CONDITIONS)}", "then:")
        self.block(indent + "    ")
        if self.left > 0 and self.random.random() < 0.5:
            self.lines += [f"{indent}  elif:", f"{indent}    - when: {self.fill(_CONDITIONS)}",
                           f"{indent}      do:"]  # fmt: skip
            self.block(indent + "        ")
        if self.left > 0 and self.random.random() < 0.6:
            self.lines.append(f"{indent}  else:")
            self.block(indent + "    ")

    def switch(self, indent: str) -> None:
        """Two to four cases."""
        self.step(indent, f"switch: tier({self.random.choice(self.numbers)})", "cases:")
        words = iter((["gold"], ["silver", "bronze"], ["plain"], ["none"]))
        for _ in range(self.random.randrange(2, 5)):
            if self.left > 0:
                self.lines += [f"{indent}    - is: [{', '.join(next(words))}]",
                               f"{indent}      do:"]  # fmt: skip
                self.block(indent + "        ")
        if self.left > 0:
            self.lines.append(f"{indent}  else:")
            self.block(indent + "    ")

    def for_(self, indent: str) -> None:
        """A loop over the items, one after the other or in parallel, that collects its yields."""
        item, all_ = self.name("item"), self.name("all")
        lines = [f"for: {item}", "in: input.items"]
        if self.random.random() < 0.5:
            lines.append(f"parallel: {self.random.randrange(2, 32)}")
        self.step(indent, *lines, f"collect: {all_}", "do:")
        self.left -= 1
        numbers = list(self.numbers)
        self.numbers += [f"{item}.qty", f"{item}.price"]
        self.block(indent + "    ")
        factor = self.random.choice(self.numbers)
        self.step(indent + "    ", f"yield: {item}.qty * {factor}", counted=True)
        self.numbers = numbers

    def parallel(self, indent: str) -> None:
        """Two or three branches that yield."""
        into = self.name("both")
        self.step(indent, "parallel:")
        branches = self.random.sample(_VERBS, self.random.randrange(2, 4))
        self.left -= len(branches)
        for word in branches:
            self.lines.append(f"{indent}    {word}:")
            self.block(indent + "      ")
            value = self.random.choice(self.numbers)
            self.step(indent + "      ", f"yield: {value} + 1", counted=True)
        self.lines.append(f"{indent}  into: {into}")
        self.numbers += [f"{into}.{word}" for word in branches]

    def try_(self, indent: str) -> None:
        """Steps that may fail, and what to do then."""
        self.step(indent, "try:")
        self.left -= 1
        self.block(indent + "    ")
        kind = self.random.choice(("timeout", "http.503", "connect"))
        self.lines += [f"{indent}  catch:", f"{indent}    - when: error.type == '{kind}'",
                       f"{indent}      do:"]  # fmt: skip
        text = f"gave up: ${{error.message}} ({self.number})"
        self.step(indent + "        ", f'log: "{text}"', counted=True)
        if self.left > 0 and self.random.random() < 0.5:
            self.lines.append(f"{indent}  finally:")
            self.block(indent + "    ")

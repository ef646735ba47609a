"""The table of stable codes: one row each, one page each in ``docs/errors``.

A code is never reused for another meaning. Ranges:

* 1xxx reading and the shape of documents        * 5xxx typed errors of a running step
* 2xxx expressions and schemas                    * 6xxx runtime, jobs and handlers
* 3xxx meaning: names, flow, joins, handlers      * 7xxx stores
* 4xxx Blueprints, codec, replay                  * 8xxx command line
                                                  * 9xxx defects of Runeskript itself
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from .rows import NamedTuple

#: How much a finding counts; ``off``: it is not reported.
Level: TypeAlias = Literal["error", "warning", "info", "off"]


#: What the codes of lints begin with: findings about what compiles and is hardly meant.
LINTS: Final = "RUNE-31"


class Code(NamedTuple):
    """A row: the short name is for people and links, the title is one line of plain text."""

    name: str
    severity: Literal["error", "warning", "info"]
    title: str


CODES: dict[str, Code] = {
    # --- 1xxx reading and shape ------------------------------------------------ (section: read)
    "RUNE-1000": Code("document", "error", "The document has errors"),
    "RUNE-1001": Code("encoding", "error", "The document is not valid UTF-8"),
    "RUNE-1002": Code("control-character", "error", "A control character stands in the document"),
    "RUNE-1003": Code("lone-surrogate", "error", "Half of a surrogate pair is no character"),
    "RUNE-1004": Code("document-size", "error", "The document is too large"),
    "RUNE-1005": Code("empty-document", "error", "The document is empty"),
    "RUNE-1006": Code("yaml-syntax", "error", "The text is not YAML"),
    "RUNE-1007": Code("tab-indent", "error", "A tab cannot indent a line"),
    "RUNE-1008": Code("several-documents", "error", "A file holds one document"),
    "RUNE-1009": Code("yaml-tag", "error", "YAML tags are not allowed"),
    "RUNE-1010": Code("unknown-alias", "error", "An alias names no anchor above it"),
    "RUNE-1011": Code("recursive-alias", "error", "An alias stands inside the node it names"),
    "RUNE-1012": Code("alias-bomb", "error", "Aliases blow the document up"),
    "RUNE-1013": Code("document-depth", "error", "The document nests too deep"),
    "RUNE-1014": Code("merge-key", "error", "YAML merge keys are not allowed"),
    "RUNE-1015": Code("duplicate-key", "error", "A key stands twice in one object"),
    "RUNE-1016": Code("key-not-text", "error", "Keys must be texts"),
    "RUNE-1017": Code("integer-size", "error", "An integer does not fit 64 bits"),
    "RUNE-1018": Code("not-finite", "error", "Numbers must be finite"),
    "RUNE-1019": Code("json-syntax", "error", "The text is not JSON"),
    "RUNE-1020": Code("yaml-version", "error", "Documents are YAML 1.2"),
    "RUNE-1100": Code("unknown-key", "error", "Nothing has this key"),
    "RUNE-1101": Code("missing-key", "error", "A required key is missing"),
    "RUNE-1102": Code("wrong-kind", "error", "A value of another kind is expected"),
    "RUNE-1103": Code("no-verb", "error", "A step has no verb"),
    "RUNE-1104": Code("two-verbs", "error", "A step has two verbs"),
    "RUNE-1106": Code("mixed-forms", "error", "Two document forms are mixed"),
    "RUNE-1107": Code("empty-name", "error", "A name is empty"),
    "RUNE-1108": Code("bad-name", "error", "This is no name"),
    "RUNE-1109": Code("reserved-name", "error", "The name has a meaning of its own"),
    "RUNE-1110": Code("duplicate-id", "error", "Two steps have one id"),
    "RUNE-1111": Code("insert-in-expression", "error", "`${` stands in a bare expression"),
    "RUNE-1112": Code("duration-form", "error", "This is no duration"),
    "RUNE-1113": Code("unknown-word", "error", "The value is none of the allowed words"),
    "RUNE-1114": Code("out-of-range", "error", "The number is out of range"),
    "RUNE-1115": Code("bad-target", "error", "This cannot be assigned to"),
    "RUNE-1116": Code("keys-conflict", "error", "These keys do not go together"),
    "RUNE-1117": Code("reserved-error", "error", "The error type is reserved"),
    "RUNE-1118": Code("duplicate-name", "error", "Something is declared twice"),
    "RUNE-1119": Code("bad-skript", "error", "This names no skript"),
    "RUNE-1120": Code("bad-error-type", "error", "This is no error type"),
    "RUNE-1121": Code("empty-expression", "error", "An expression is empty"),
    "RUNE-1122": Code("not-literal", "error", "The value must be written out"),
    "RUNE-1123": Code("nothing-in-it", "error", "This must not be empty"),
    "RUNE-1124": Code("looks-like-expression", "warning", "A text looks like an expression"),
    "RUNE-1125": Code("leading-zeros", "warning", "Leading zeros of a number are lost"),
    "RUNE-1127": Code("builder-use", "error", "The builder's methods are called out of order"),
    "RUNE-1128": Code("format", "error", "The document cannot be formatted safely"),
    "RUNE-1129": Code("bad-silence", "error", "This silences nothing that can be silenced"),
    "RUNE-1130": Code("on-failure", "error", "This cannot be done on a failure"),
    "RUNE-1131": Code("schedule", "error", "The schedule says no time"),
    "RUNE-1132": Code("cron", "error", "The cron expression cannot be read, or is never due"),
    "RUNE-1133": Code("timezone", "error", "There is no time zone of this name"),
    "RUNE-1140": Code("unknown-state", "error", "There is no state of this name"),
    "RUNE-1141": Code("bad-state", "error", "A state contradicts itself"),
    "RUNE-1142": Code("reserved-event", "error", "The event belongs to the runtime"),
    "RUNE-1200": Code("node-type", "error", "There is no such type of node"),
    "RUNE-1201": Code("edge-nowhere", "error", "An edge leads to a node that is not there"),
    "RUNE-1202": Code("ways-on", "error", "The ways on from a node do not fit it"),
    "RUNE-1203": Code("unreachable-node", "error", "No edge leads to the node"),
    "RUNE-1204": Code("graph-start", "error", "It is not clear where the graph begins"),
    "RUNE-1205": Code("fork-without-join", "error", "The branches of a fork never meet"),
    "RUNE-1206": Code("crossing-edge", "error", "An edge crosses the border of a branch or a body"),
    "RUNE-1207": Code("iteration-entry", "error", "The body of an iteration has two ways in"),
    # --- 2xxx expressions and schemas ------------------------------------------ (section: expr)
    "RUNE-2001": Code("expression", "error", "The expression cannot be read"),
    "RUNE-2002": Code("expression-limit", "error", "The expression is too long or nested too deep"),
    "RUNE-2003": Code("number-range", "error", "A number does not fit its type"),
    "RUNE-2004": Code("not-in-language", "error", "This syntax is not in the language"),
    "RUNE-2005": Code("method-call", "error", "Methods do not exist"),
    "RUNE-2006": Code("secret-use", "error", "Nothing can be computed from a secret"),
    "RUNE-2007": Code("arguments", "error", "A function is called with the wrong arguments"),
    "RUNE-2008": Code("insert", "error", "An insert in a text is never closed"),
    "RUNE-2010": Code("certain-type-error", "error", "The expression would always fail"),
    "RUNE-2011": Code("unknown-field", "error", "The schema has no such field"),
    "RUNE-2020": Code("schema", "error", "The schema is not sound"),
    # --- 3xxx meaning ---------------------------------------------------------- (section: meaning)
    "RUNE-3001": Code("unknown-name", "error", "Nothing declares or sets this name"),
    "RUNE-3002": Code("unknown-function", "error", "There is no function of this name"),
    "RUNE-3003": Code("function-arguments", "error", "A document's function is called wrongly"),
    "RUNE-3004": Code("not-in-scope", "error", "The name is known elsewhere only"),
    "RUNE-3005": Code("shadowed-name", "error", "A name would hide another"),
    "RUNE-3007": Code("unknown-handler", "error", "There is no handler of this name"),
    "RUNE-3008": Code("handler-parameters", "error", "The handler refuses these parameters"),
    "RUNE-3010": Code("never-set", "error", "No path sets the variable before it is read"),
    "RUNE-3011": Code("maybe-unset", "warning", "The variable is not set on every path"),
    "RUNE-3012": Code("branch-conflict", "error", "Two branches write one variable"),
    "RUNE-3013": Code("lost-write", "warning", "What a parallel body writes vanishes with it"),
    "RUNE-3014": Code("no-loop", "error", "There is no loop to leave or to continue"),
    "RUNE-3015": Code("jump-out", "error", "A jump cannot leave this block"),
    "RUNE-3016": Code("return-out", "error", "The run cannot be ended from here"),
    "RUNE-3017": Code("yield-nowhere", "error", "There is nothing to yield to"),
    "RUNE-3018": Code("yield-unused", "warning", "Yields and their target do not match"),
    "RUNE-3019": Code("secret-outside", "error", "A secret can be used inside `with` only"),
    "RUNE-3020": Code("unreachable", "error", "No path leads here"),
    "RUNE-3021": Code("join-unmet", "error", "The join can never be met"),
    "RUNE-3022": Code("undo", "error", "This cannot be undone"),
    "RUNE-3023": Code("reducer", "error", "A reducer is used wrongly"),
    "RUNE-3025": Code("undeclared-env", "error", "The environment name is not declared"),
    "RUNE-3026": Code("contribution", "warning", "A contribution to a reducer includes its value"),
    "RUNE-3027": Code("yields-twice", "error", "A branch or iteration may yield twice"),
    "RUNE-3028": Code("step-type", "error", "A step is given a value of the wrong type"),
    "RUNE-3030": Code("skript-file", "error", "The skript's file cannot be read"),
    "RUNE-3031": Code("skript-cycle", "error", "A skript pins itself"),
    "RUNE-3032": Code("skript-errors", "error", "The skript has errors of its own"),
    "RUNE-3034": Code("child-input", "error", "The input of a child skript does not suit it"),
    "RUNE-3040": Code("data-write", "error", "The job's data cannot be changed here"),
    "RUNE-3041": Code("machine-step", "error", "A machine cannot do this step here"),
    "RUNE-3042": Code("unreachable-state", "error", "No job comes to the state"),
    "RUNE-3043": Code("stuck-state", "error", "No job leaves the state, and it is not final"),
    "RUNE-3044": Code("dead-transition", "error", "The transition is never taken"),
    "RUNE-3045": Code("overlapping-guards", "warning", "Two guards of one event may both be true"),
    "RUNE-3046": Code("untaken-timeout", "error", "No transition takes the event of a timeout"),
    "RUNE-3047": Code("untaken-end", "warning", "No transition takes the end of an activity"),
    # --- 31xx meaning: what compiles and is hardly meant ------------------------ (section: lints)
    "RUNE-3100": Code("needless-silence", "warning", "There is nothing here to silence"),
    "RUNE-3101": Code("retry-repeats", "warning", "A call is retried that may not be repeated"),
    "RUNE-3102": Code("idle-retry", "warning", "A part of a retry does nothing"),
    "RUNE-3103": Code("timeout-outlived", "warning", "A timeout is longer than the one around it"),
    "RUNE-3104": Code("wait-outlived", "warning", "A wait is longer than its timeout"),
    "RUNE-3105": Code("endless-loop", "warning", "A loop has neither an effect nor an exit"),
    "RUNE-3106": Code("single-turn", "warning", "A loop never comes to a second turn"),
    "RUNE-3107": Code("idle-undo", "warning", "An undo takes nothing back"),
    "RUNE-3110": Code("unused-variable", "warning", "A variable or result is never read"),
    "RUNE-3111": Code("unused-function", "warning", "A function or parameter is never used"),
    "RUNE-3112": Code("unused-env", "warning", "A declared environment name is never read"),
    "RUNE-3113": Code("unused-input", "info", "A declared input field is never read"),
    "RUNE-3114": Code("self-assignment", "warning", "A variable is set to itself"),
    "RUNE-3120": Code("constant-condition", "warning", "A condition has one outcome"),
    "RUNE-3121": Code("constant-comparison", "warning", "A comparison has one outcome"),
    "RUNE-3122": Code("dead-clause", "warning", "A clause never gets its turn"),
    "RUNE-3123": Code("swallowed-error", "warning", "Errors are caught and vanish"),
    "RUNE-3130": Code("starved-join", "warning", "A join may wait for ever"),
    "RUNE-3131": Code("failing-branch", "warning", "A branch that a join needs always fails"),
    "RUNE-3140": Code("most-calls", "info", "How many calls a job can make at most"),
    "RUNE-3141": Code("many-calls", "warning", "A job can make very many calls"),
    "RUNE-3150": Code("broken-promise", "warning", "What a handler promises would make this fail"),
    # --- 4xxx Blueprints, codec, replay -------------------------------------- (section: blueprint)
    "RUNE-4001": Code("codec", "error", "These bytes are not a well-formed encoded value"),
    "RUNE-4002": Code("blueprint", "error", "The Blueprint was refused by the verifier"),
    "RUNE-4003": Code("blueprint-version", "error", "The Blueprint is of another version"),
    "RUNE-4004": Code("blueprint-damaged", "error", "The Blueprint is damaged"),
    "RUNE-4005": Code("not-a-blueprint", "error", "The file is no Blueprint"),
    "RUNE-4006": Code("blueprint-limit", "error", "The Blueprint is too large or nests too deep"),
    "RUNE-4010": Code("replay-mismatch", "error", "Replay asked for something the journal lacks"),
    "RUNE-4011": Code("record-damaged", "error", "Stored bytes are not what was written"),
    "RUNE-4012": Code("record-version", "error", "Stored bytes are of an unknown version"),
    "RUNE-4013": Code("record-sealed", "error", "Stored bytes are sealed by another codec"),
    "RUNE-4014": Code("not-an-export", "error", "The file is no exported job"),
    "RUNE-4020": Code("blueprint-layout", "error", "Sections or bodies do not fit together"),
    "RUNE-4021": Code("blueprint-instruction", "error", "An instruction is not well-formed"),
    "RUNE-4022": Code("blueprint-entry", "error", "What instructions refer to is not well-formed"),
    "RUNE-4023": Code("blueprint-flow", "error", "Control could go where it must not"),
    "RUNE-4024": Code("blueprint-loop", "error", "Control could go in circles without a LOOP"),
    "RUNE-4025": Code("blueprint-expression", "error", "An expression is not well-formed"),
    "RUNE-4026": Code("blueprint-schema", "error", "A schema in the Blueprint is not sound"),
    # --- 5xxx typed errors of a running step ----------------------------------- (section: step)
    "RUNE-5000": Code("raised", "error", "A step failed with a typed error"),
    "RUNE-5001": Code("type", "error", "An operator or function met a value of the wrong type"),
    "RUNE-5002": Code("missing", "error", "A key, field or index is not there"),
    "RUNE-5003": Code("unset", "error", "A variable was read before any step set it"),
    "RUNE-5004": Code("value", "error", "A value of the right type cannot be used"),
    "RUNE-5005": Code("math", "error", "A computation has no result"),
    "RUNE-5006": Code("math-overflow", "error", "A result is not a finite number"),
    "RUNE-5007": Code("duration", "error", "A value is no duration"),
    "RUNE-5008": Code("instant", "error", "A value is no point in time"),
    "RUNE-5010": Code("limit", "error", "A limit was reached"),
    "RUNE-5011": Code("limit-int", "error", "An integer does not fit 64 bits"),
    "RUNE-5012": Code("limit-size", "error", "A value is too large"),
    "RUNE-5013": Code("limit-work", "error", "An evaluation took too much work"),
    "RUNE-5014": Code("limit-depth", "error", "Calls or values are nested too deep"),
    "RUNE-5020": Code("not-a-value", "error", "A result or parameter is not a Runeskript value"),
    "RUNE-5030": Code("http", "error", "An HTTP service answered with an error status"),
    "RUNE-5031": Code("http-denied", "error", "The address of an HTTP request is not allowed"),
    "RUNE-5032": Code("http-too-large", "error", "An HTTP answer is too large"),
    "RUNE-5033": Code("http-body", "error", "An HTTP answer is not what its content type says"),
    "RUNE-5034": Code("http-redirect", "error", "An HTTP redirect cannot be followed"),
    "RUNE-5035": Code("connect", "error", "No connection to a service"),
    "RUNE-5036": Code("connect-tls", "error", "No secure connection to a service"),
    "RUNE-5040": Code("exec", "error", "A program could not be run"),
    "RUNE-5041": Code("exec-denied", "error", "Running programs is not allowed"),
    "RUNE-5042": Code("exec-not-found", "error", "There is no such program or folder"),
    "RUNE-5043": Code("exec-exit", "error", "A program ended with an error status"),
    "RUNE-5044": Code("exec-output", "error", "A program wrote too much"),
    "RUNE-5050": Code("timeout", "error", "Something took longer than its timeout"),
    "RUNE-5051": Code("cancel", "error", "The job was cancelled"),
    "RUNE-5052": Code("join", "error", "Too few branches of a fork succeeded"),
    "RUNE-5053": Code("child", "error", "A child job failed"),
    "RUNE-5054": Code("cancel-abandoned", "error", "A cancel did not wait any longer"),
    "RUNE-5060": Code("params", "error", "The parameters of a call do not suit its handler"),
    "RUNE-5061": Code("result", "error", "A handler's result is not a value"),
    "RUNE-5062": Code("handler", "error", "A handler raised an exception"),
    "RUNE-5063": Code("process-died", "error", "The worker process of a handler died"),
    "RUNE-5070": Code("secret", "error", "A secret cannot be used"),
    # --- 6xxx runtime, jobs, handlers ------------------------------------------ (section: engine)
    "RUNE-6001": Code("input", "error", "The input does not satisfy the document's schema"),
    "RUNE-6002": Code("handler-definition", "error", "A handler is declared wrongly"),
    "RUNE-6003": Code("job-not-found", "error", "No job has this id"),
    "RUNE-6004": Code("runtime-closed", "error", "The runtime is not running"),
    "RUNE-6005": Code("handler-missing", "error", "The runtime has no handler of this name"),
    "RUNE-6006": Code("unknown-skript", "error", "No skript of this name is deployed"),
    "RUNE-6007": Code("version-conflict", "error", "The version is deployed with another content"),
    "RUNE-6008": Code("loop-running", "error", "The synchronous run() needs to be outside a loop"),
    "RUNE-6009": Code("runtime-option", "error", "An option of the runtime is wrong"),
    "RUNE-6010": Code("job-failed", "error", "The job failed"),
    "RUNE-6011": Code("job-cancelled", "error", "The job was cancelled"),
    "RUNE-6012": Code("job-exists", "error", "A job with this key is there already"),
    "RUNE-6013": Code("no-retry", "error", "The job cannot be retried from its failed step"),
    "RUNE-6014": Code("no-fork", "error", "The job cannot be forked like this"),
    "RUNE-6015": Code("unknown-token", "error", "No job has the call that a token names"),
    "RUNE-6016": Code("schedule-not-found", "error", "No schedule has this name"),
    "RUNE-6017": Code("no-erase", "error", "A job that has not ended cannot be erased"),
    "RUNE-6020": Code("transition-refused", "error", "The machine does not take the event"),
    "RUNE-6021": Code("transition-forbidden", "error", "The event is for roles the actor has not"),
    "RUNE-6022": Code("transition-failed", "error", "The action of a transition failed"),
    "RUNE-6023": Code("no-machine", "error", "The job has no machine"),
    "RUNE-6024": Code("cursor", "error", "The cursor is of another search"),
    "RUNE-6025": Code("version-mismatch", "error", "The job is at another version by now"),
    "RUNE-6030": Code("no-position", "error", "The job's journal has no such position"),
    "RUNE-6500": Code("unauthorized", "error", "The request has no token that lets it in"),
    "RUNE-6501": Code("forbidden", "error", "The token is not for this"),
    "RUNE-6502": Code("token-option", "error", "A token cannot be made like this"),
    "RUNE-6503": Code("token-not-found", "error", "No token has this id"),
    "RUNE-6504": Code("host", "error", "The service is called by a name that is not its own"),
    "RUNE-6505": Code("origin", "error", "A browser sent the request for another site"),
    "RUNE-6506": Code("content-type", "error", "The body of the request is not said to be JSON"),
    "RUNE-6507": Code("rate", "error", "Too many requests of one caller"),
    "RUNE-6508": Code("not-allowed", "error", "The policy does not allow a document what it names"),
    "RUNE-6509": Code("policy", "error", "The policy cannot be read"),
    "RUNE-6520": Code("bad-request", "error", "A request is not what the route takes"),
    "RUNE-6521": Code("no-route", "error", "The service has no such route"),
    "RUNE-6522": Code("method-not-allowed", "error", "The route has no such method"),
    "RUNE-6523": Code("body-size", "error", "The body of a request is too large"),
    "RUNE-6525": Code("idempotency-key", "error", "An idempotency key came with another request"),
    "RUNE-6526": Code("closing", "error", "The service is closing"),
    "RUNE-6527": Code("bind", "error", "The service cannot listen there"),
    "RUNE-6540": Code("service-answer", "error", "An answer is none that the service gives"),
    "RUNE-6541": Code("service-unreachable", "error", "The service cannot be reached"),
    # --- 7xxx stores ------------------------------------------------------------ (section: store)
    "RUNE-7000": Code("store", "error", "The store refused or failed an operation"),
    "RUNE-7001": Code("store-url", "error", "No store has this URL"),
    "RUNE-7002": Code("store-closed", "error", "The store is closed"),
    "RUNE-7003": Code("store-busy", "error", "Another process keeps the store locked"),
    "RUNE-7004": Code("store-full", "error", "There is no room left for the store"),
    "RUNE-7005": Code("store-read-only", "error", "The store cannot be written"),
    "RUNE-7006": Code("store-unavailable", "error", "There is no store, or it cannot be reached"),
    "RUNE-7007": Code("store-format", "error", "The store is of another format or codec"),
    "RUNE-7008": Code("store-damaged", "error", "What the store holds is not what was written"),
    "RUNE-7010": Code("feed-forgotten", "error", "The feed is forgotten that far back"),
    "RUNE-7011": Code("events-pruned", "error", "The events were pruned"),
    "RUNE-7012": Code("store-too-large", "error", "The store keeps nothing as large in one piece"),
    # --- 8xxx command line ------------------------------------------------------ (section: cli)
    "RUNE-8001": Code("unknown-verb", "error", "The command has no such verb"),
    "RUNE-8002": Code("usage", "error", "The options of the command are wrong"),
    "RUNE-8003": Code("file", "error", "A file cannot be read or written"),
    "RUNE-8004": Code("input-option", "error", "The value of --input is wrong"),
    "RUNE-8006": Code("handlers-option", "error", "Handlers cannot be loaded"),
    "RUNE-8007": Code("project-file", "error", "The project's settings are wrong"),
    "RUNE-8008": Code("exists", "error", "A file that would be written exists already"),
    "RUNE-8009": Code("unknown-scenario", "error", "The benchmark has no such scenario"),
    "RUNE-8010": Code("unknown-pass", "error", "The optimizer has no pass of this name"),
    "RUNE-8011": Code("not-installed", "error", "A part of Runeskript is not installed"),
    # --- 9xxx defects ----------------------------------------------------------- (section: defect)
    "RUNE-9000": Code("internal", "error", "Runeskript failed"),
    "RUNE-9001": Code("invariant", "error", "An internal assertion failed"),
}

#: Families of typed errors -> the code a job's error carries; longest dotted prefix wins.
TYPE_CODES: dict[str, str] = {
    "type": "RUNE-5001",
    "missing": "RUNE-5002",
    "unset": "RUNE-5003",
    "value": "RUNE-5004",
    "math": "RUNE-5005",
    "math.overflow": "RUNE-5006",
    "duration": "RUNE-5007",
    "instant": "RUNE-5008",
    "limit": "RUNE-5010",
    "limit.int": "RUNE-5011",
    "limit.size": "RUNE-5012",
    "limit.work": "RUNE-5013",
    "limit.depth": "RUNE-5014",
    "http": "RUNE-5030",
    "http.denied": "RUNE-5031",
    "http.too_large": "RUNE-5032",
    "http.body": "RUNE-5033",
    "http.redirect": "RUNE-5034",
    "connect": "RUNE-5035",
    "connect.tls": "RUNE-5036",
    "exec": "RUNE-5040",
    "exec.denied": "RUNE-5041",
    "exec.not_found": "RUNE-5042",
    "exec.exit": "RUNE-5043",
    "exec.output": "RUNE-5044",
    "timeout": "RUNE-5050",
    "cancel": "RUNE-5051",
    "cancel.abandoned": "RUNE-5054",
    "join": "RUNE-5052",
    "child": "RUNE-5053",
    "params": "RUNE-5060",
    "result": "RUNE-5061",
    "handler": "RUNE-5062",
    "handler.ProcessDied": "RUNE-5063",
    "secret": "RUNE-5070",
    "machine": "RUNE-6020",
    "machine.forbidden": "RUNE-6021",
    "input": "RUNE-6001",
    "skript": "RUNE-6006",
}


def code_named(text: str) -> str | None:
    """The code that a text names: ``RUNE-3011``, or its short name ``maybe-unset``."""
    if text in CODES:
        return text
    return next((code for code, row in CODES.items() if row.name == text), None)


def may_be_silenced(code: str) -> bool:
    """Whether a finding may be allowed where it stands, or given another level by a project.

    What makes it impossible to run a document is an error and stays one.
    """
    return CODES[code].severity != "error"


def code_for_type(type_: str) -> str:
    """The code of a typed error: its longest declared dotted prefix, else RUNE-5000."""
    name = type_
    while name:
        if name in TYPE_CODES:
            return TYPE_CODES[name]
        name, dot, _ = name.rpartition(".")
        if not dot:
            break
    return "RUNE-5000"

"""What Indelible promises: each promise once, as a sentence with an id and a source.

A test that keeps a promise says so: ``@pytest.mark.requirement("wrap.exit-code")``.
test_requirements.py checks both ways. A promise without a test is a gap, and a gap
is data: it stands here with its reason until a test takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass

ISSUE = "issue: record, seal, verify and query, end to end"
GUIDE = "guide: MCP server audit logging"
FORMAT = "docs/reference/format.md"
PROXY = "issue: the HTTP proxy"
DESIGN = "design"

CAPTURE = "test lands with the capture work"
SEALING = "test lands with the seal, store and collect work"
REDACTION = "test lands with the redaction work"
MODEL = "test lands with the model work"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One promise.

    Args:
        id: How tests refer to it, ``area.promise``.

        sentence: What is promised, in one sentence.

        source: Where it was asked for.

        gap: Why no test keeps it yet; empty where one does.
    """

    id: str
    sentence: str
    source: str
    gap: str = ""


REQUIREMENTS = [
    # The record
    Requirement(
        "model.header-canonical",
        "The bytes of a header equal what an independent RFC 8785 library writes.",
        f"{ISSUE}; {FORMAT} 2",
    ),
    Requirement(
        "model.header-bounded",
        "A header is at most 4,096 bytes and holds no content and no identity.",
        f"{FORMAT} 2",
    ),
    Requirement(
        "model.body-hash",
        "A header commits to its body through a random salt, so a body can be erased.",
        f"{FORMAT} 2",
    ),
    Requirement(
        "model.uuid7",
        "A call's id is a UUIDv7 (RFC 9562) that carries the time of receipt.",
        ISSUE,
    ),
    Requirement(
        "model.frame-round-trip",
        "What the frame codec writes it reads again, and any other bytes cost it bounded time.",
        f"{FORMAT} 3",
    ),
    Requirement(
        "model.flat-fields",
        "The flat entry has the guide's ten fields under the guide's names.",
        GUIDE,
    ),
    Requirement(
        "model.two-records",
        "A call makes two records: one before the tool runs, one before the reply leaves.",
        f"{DESIGN} 3",
    ),
    # Redaction
    Requirement(
        "redact.guide-keys",
        "Every key the guide names is redacted in any spelling and at any depth.",
        GUIDE,
    ),
    Requirement(
        "redact.guide-values",
        "E-mail addresses, card numbers and tokens are redacted wherever they stand in a value.",
        GUIDE,
    ),
    Requirement(
        "redact.nested-password",
        "A secret nested in objects and arrays is redacted, not only one at the top.",
        ISSUE,
    ),
    Requirement(
        "redact.error-text",
        "Error text is redacted as arguments are, and is at most 500 characters.",
        f"{ISSUE}; {GUIDE}",
    ),
    Requirement(
        "redact.json-in-strings",
        "JSON inside a string is redacted as if it were not inside a string.",
        ISSUE,
    ),
    Requirement(
        "redact.truncation-last",
        "A string of more than 500 characters keeps 200, cut after redaction, so that no cut "
        "leaves half a secret.",
        f"{GUIDE}; {DESIGN} 4",
    ),
    Requirement(
        "redact.bounded-time",
        "No input stalls a call: redaction takes time linear in the input, up to fixed caps.",
        ISSUE,
    ),
    Requirement(
        "redact.never-raw",
        "What breaks a bound of the redactor becomes [UNREDACTABLE], never raw text.",
        f"{DESIGN} 4",
    ),
    Requirement(
        "redact.no-secret-on-disk",
        "No planted secret is in any byte on disk, residue of crashes included, or on stderr.",
        ISSUE,
    ),
    Requirement(
        "redact.opaque",
        "A long random run is redacted beside a mark, a name or a word that says what it is; "
        "ids and digests that nothing calls a secret are kept.",
        f"{ISSUE}; {DESIGN} 4",
    ),
    Requirement(
        "redact.echo",
        "A secret that its name gave away is redacted wherever else it stands in the same text.",
        f"{DESIGN} 4",
    ),
    Requirement(
        "redact.argv",
        "The wrapped command's arguments are redacted before they are recorded.",
        ISSUE,
    ),
    # indelible wrap
    Requirement(
        "wrap.command-forms",
        "`indelible wrap [--server NAME] CMD ARG…` works with and without `--` before CMD.",
        ISSUE,
    ),
    Requirement(
        "wrap.bytes-untouched",
        "What client and server say to one another passes byte for byte as it was sent.",
        ISSUE,
    ),
    Requirement(
        "wrap.reference-servers",
        "The reference servers answer the MCP inspector byte for byte the same through wrap.",
        ISSUE,
    ),
    Requirement(
        "wrap.long-lines",
        "Lines of 100 KB, 1 MB and 32 MB pass in linear time and bounded memory.",
        ISSUE,
    ),
    Requirement(
        "wrap.locale",
        "Non-ASCII text passes and is recorded under a locale that is not UTF-8.",
        ISSUE,
    ),
    Requirement(
        "wrap.batch",
        "Every call of a JSON-RPC batch is recorded.",
        ISSUE,
    ),
    Requirement(
        "wrap.id-less",
        "A call without an id is recorded and closed at once as unknown: no reply can come.",
        ISSUE,
    ),
    Requirement(
        "wrap.not-json",
        "Lines that are no JSON pass as they are and are recorded as unparseable.",
        ISSUE,
    ),
    Requirement(
        "wrap.concurrency",
        "Twenty slow calls run as concurrently through wrap as without it.",
        ISSUE,
    ),
    Requirement(
        "wrap.exit-code",
        "wrap exits as its child did: with its code, or by its signal.",
        ISSUE,
    ),
    Requirement(
        "wrap.signals",
        "Signals that reach wrap reach its child.",
        ISSUE,
    ),
    Requirement(
        "wrap.eof",
        "The end of the client's input closes the child's, and the child's last words still pass.",
        ISSUE,
    ),
    Requirement(
        "wrap.stderr",
        "The child's stderr is the client's, untouched.",
        ISSUE,
    ),
    Requirement(
        "wrap.orphans",
        "When wrap is killed, its child does not live on.",
        ISSUE,
    ),
    Requirement(
        "wrap.server-dies",
        "A call open when the server dies is recorded as unknown and abandoned with the exit "
        "code, and the client gets a JSON-RPC error instead of a hang.",
        ISSUE,
    ),
    Requirement(
        "wrap.wrapper-dies",
        "A call open when the wrapper is killed is on record and is closed as abandoned.",
        ISSUE,
    ),
    Requirement(
        "wrap.like-audit",
        "The same traffic makes the same entries through wrap as through audit().",
        "issue: capture everywhere",
    ),
    Requirement(
        "wrap.cancelled",
        "A cancelled call is recorded as an error of type cancelled.",
        ISSUE,
    ),
    Requirement(
        "wrap.full-disk",
        "On a full disk calls run or are refused as the policy says, and a gap record says how "
        "many.",
        ISSUE,
    ),
    Requirement(
        "wrap.stdlib-start",
        "Nothing but the standard library is loaded before the wrapped server is started.",
        f"{DESIGN} 9",
    ),
    # audit(server)
    Requirement(
        "audit.mcp-server",
        "`audit(server)` records the calls of an MCPServer of mcp 2.x and returns the server.",
        ISSUE,
    ),
    Requirement(
        "audit.low-level",
        "`audit(server)` records the calls of a low-level Server of mcp 1.x and 2.x.",
        ISSUE,
    ),
    # The spool
    Requirement(
        "spool.torn-tail",
        "A half-written last frame of a dead writer is cut off, kept and recorded.",
        f"{ISSUE}; {FORMAT} 3",
    ),
    Requirement(
        "spool.rolls",
        "A spool rolls at its size or age, and a roll starts a collection.",
        ISSUE,
    ),
    Requirement(
        "spool.forked-writers",
        "A writer that forks becomes two writers: no sequence number is used twice.",
        ISSUE,
    ),
    Requirement(
        "spool.hostile",
        "A spool is hostile input: foreign owners, links and damaged frames do no harm.",
        f"{DESIGN} 1",
    ),
    Requirement(
        "spool.empty-removed",
        "A spool that is wholly in the log is removed, and only after a durable seal.",
        ISSUE,
    ),
    # Collection
    Requirement(
        "collect.once",
        "`collect --once` puts all that is in the spools into the log and exits.",
        ISSUE,
    ),
    Requirement(
        "collect.detached",
        "Emitters start a detached collection at start, roll and exit, and never wait for it.",
        ISSUE,
    ),
    Requirement(
        "collect.ten-servers",
        "Ten wrapped servers at once on one state directory lose and duplicate nothing.",
        ISSUE,
    ),
    Requirement(
        "collect.two-at-once",
        "Two collectors on one state directory never corrupt, fork or duplicate.",
        ISSUE,
    ),
    Requirement(
        "collect.killed",
        "A process group killed while a collection runs leaves a log that the next one continues.",
        ISSUE,
    ),
    Requirement(
        "collect.never-read",
        "Ninety days in which nobody reads lose nothing.",
        ISSUE,
    ),
    Requirement(
        "collect.modes",
        "Directories of the state are 0700 and its files 0600.",
        ISSUE,
    ),
    # Sealing
    Requirement(
        "seal.rfc6962",
        "Roots and proofs are those of RFC 6962.",
        ISSUE,
    ),
    Requirement(
        "seal.signed-note",
        "A checkpoint is an Ed25519 C2SP signed note that other implementations accept.",
        ISSUE,
    ),
    Requirement(
        "seal.outside-checkpoint",
        "The newest checkpoint is also outside the data directory and is always compared.",
        ISSUE,
    ),
    Requirement(
        "seal.commit-lines",
        "Batch k+1 is never written before batch k is durable with its commit line.",
        f"{FORMAT} 4",
    ),
    Requirement(
        "seal.torn-tail",
        "A torn tail that a crash explains is moved to quarantine, cut off and recorded.",
        f"{ISSUE}; {FORMAT} 7",
    ),
    Requirement(
        "seal.tampering-refused",
        "A log that was tampered with is never repaired or continued.",
        ISSUE,
    ),
    # Verification
    Requirement(
        "seal.edit-detected",
        "An edited byte of any stored file makes verify exit 3 and name the first wrong place.",
        ISSUE,
    ),
    Requirement(
        "seal.delete-detected",
        "A deleted leaf, body or file makes verify exit 3 and name the first wrong place.",
        ISSUE,
    ),
    Requirement(
        "seal.insert-detected",
        "An inserted leaf or body makes verify exit 3 and name the first wrong place.",
        ISSUE,
    ),
    Requirement(
        "seal.reorder-detected",
        "Leaves in another order make verify exit 3 and name the first wrong place.",
        ISSUE,
    ),
    Requirement(
        "seal.cut-detected",
        "A log cut at its end makes verify exit 3 and name the first wrong place.",
        ISSUE,
    ),
    Requirement(
        "seal.rollback-detected",
        "A state directory rolled back to an older copy makes verify exit 3.",
        ISSUE,
    ),
    Requirement(
        "verify.never-writes",
        "verify never collects, repairs or writes.",
        ISSUE,
    ),
    Requirement(
        "verify.says-l0-limits",
        "What L0 cannot detect (with the key, or in an unsealed spool) verify says by itself.",
        ISSUE,
    ),
    Requirement(
        "verify.no-false-alarm",
        "verify finds nothing wrong with 1,000 fuzzed honest logs.",
        ISSUE,
    ),
    # Reading
    Requirement(
        "query.newest-first",
        "query lists calls newest first, sealed and unsealed, each once.",
        ISSUE,
    ),
    Requirement(
        "query.terms",
        "query understands tool: method: server: outcome: actor: and is:unfinished.",
        ISSUE,
    ),
    Requirement(
        "query.limit",
        "`query --limit N` lists at most N calls and says so when there are more.",
        ISSUE,
    ),
    Requirement(
        "query.json",
        "`query --json` prints one JSON array.",
        ISSUE,
    ),
    Requirement(
        "show.by-any-id",
        "show takes an id, callId or requestId.",
        ISSUE,
    ),
    Requirement(
        "show.proof",
        "`show ID --proof` prints an inclusion proof that an independent verifier accepts.",
        ISSUE,
    ),
    Requirement(
        "show.erased-body",
        "show says that a body was erased, and does not fail.",
        ISSUE,
    ),
    Requirement(
        "status.says",
        "status says what is recorded, what is sealed and what is wrong.",
        ISSUE,
    ),
    Requirement(
        "demo.offline",
        "demo records, tampers and is caught, offline.",
        ISSUE,
    ),
    # The house
    Requirement(
        "house.architecture",
        "Imports run downward without circles, pure rooms do no I/O, each dependency has one home.",
        f"{DESIGN} 9",
    ),
    Requirement(
        "house.no-unexpected-skip",
        "In CI a test that is skipped without an allowed reason fails the run.",
        f"{DESIGN} 11",
    ),
    Requirement(
        "house.pinned",
        "Every dependency is pinned by hash, and no committed file names an index or a registry.",
        "house rules",
    ),
    Requirement(
        "house.promises",
        "Every promise has a test or a reason why not, and every test of a promise names one.",
        f"{DESIGN} 11",
    ),
    # Ask it: what is stored
    Requirement(
        "store.bodies-closed",
        "Body files that nobody adds to are compressed; a kill at any step of it loses nothing.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "store.small",
        "Sealed segments and bodies of realistic calls take at most 250 bytes a call.",
        f"{DESIGN} 8",
    ),
    # Ask it: the query copy
    Requirement(
        "index.rows-are-exact",
        "An entry comes back from its row in the query copy as it was, whoever wrote the record.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "index.same-whatever-the-cuts",
        "The query copy holds the entries of its log, however often it was brought up to it.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "index.killed",
        "A catch-up killed at any step loses no row and doubles none.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "index.newest-is-a-share",
        "Rows are sealed the sooner the fewer there are: what is not sealed yet weighs little.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "index.few-files",
        "Small sealed files of a day are sealed again together, up to 65,536 rows.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "store.newest-is-a-share",
        "The newest segment is closed the sooner the smaller the log is.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "index.hinders-nothing",
        "Whatever fails in the query copy is said, tried again, and fails no collection.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "index.reads-old-files",
        "Rows that an earlier version wrote are read as they were.",
        f"{DESIGN} 8",
    ),
    # Ask it: records of reading, NDJSON out, exports
    Requirement(
        "reading.recorded",
        "Whoever reads the trail leaves a record: who, when, by which command, asking for what.",
        "PCI DSS 10.2.1.3; design 8",
    ),
    Requirement(
        "reading.redacted",
        "What a reader asked for is redacted before it is kept.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "reading.never-in-the-way",
        "A state that cannot be written to is read all the same, and the reader is told.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "ndjson.flat-entry",
        "A line of NDJSON is what query says of the entry before it is sealed.",
        "docs/how-to/ship-logs.md",
    ),
    Requirement(
        "ndjson.never-delays",
        "A reader of NDJSON that is slow or never reads delays no call, nor the end.",
        "docs/how-to/ship-logs.md",
    ),
    Requirement(
        "ndjson.never-fails",
        "A reader that is gone, a full disk and a fault of our own cost lines and no calls.",
        "docs/how-to/ship-logs.md",
    ),
    Requirement(
        "ndjson.rotation",
        "Lines go to the file that has the name, whichever way it is rotated.",
        "docs/how-to/ship-logs.md",
    ),
    Requirement(
        "ndjson.forks",
        "Forked writers write whole lines, each its own.",
        "docs/how-to/ship-logs.md",
    ),
    Requirement(
        "ndjson.not-stdout",
        "NDJSON never goes where the protocol is, whatever name that is given by.",
        "docs/how-to/ship-logs.md",
    ),
    Requirement(
        "ndjson.costs-nothing-unused",
        "Nothing of it is loaded where it is not asked for.",
        f"{DESIGN} 9",
    ),
    Requirement(
        "ndjson.shipped",
        "A real rsyslogd gets every line as it was written, through a rotation.",
        "docs/how-to/ship-logs.md",
    ),
    Requirement(
        "export.ndjson-exact",
        "An export as NDJSON parses back to the same entries.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "export.csv-safe",
        "No cell of a CSV is run as a formula by a spreadsheet, and none is lost.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "export.sqlite",
        "A SQLite export holds every member of every entry, typed and indexed.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "export.guide-sql",
        "The guide's queries run on a SQLite export as they stand, exact to the microsecond.",
        GUIDE,
    ),
    Requirement(
        "export.parquet",
        "A Parquet export holds every member of every entry, typed.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "export.atomic",
        "An exported file appears when all is in it, for its owner only; it replaces none unasked.",
        f"{DESIGN} 8",
    ),
    # Ask it: the command line
    Requirement(
        "query.pages",
        "Each page names the command line of the next; together they hold every entry once.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "query.fail-on",
        "`query --fail-on match` ends with 6 where anything matches, else with 0.",
        f"{DESIGN} 10",
    ),
    Requirement(
        "query.csv-safe",
        "No cell of CSV begins what a spreadsheet would run as a formula.",
        f"{DESIGN} 10",
    ),
    Requirement(
        "query.sql",
        "`query --sql` answers one SELECT as a table, JSON or CSV.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "query.no-result",
        "Where nothing matches, each term is told with what it meets, and what it may have meant.",
        f"{DESIGN} 10",
    ),
    Requirement(
        "query.readings-hidden",
        "Each reading command leaves a record; `query` shows it only where a kind is asked for.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "show.previous",
        "`show` says how the arguments differ from the same actor's call of the tool before.",
        f"{DESIGN} 10",
    ),
    Requirement(
        "session.timeline",
        "`session` shows the calls of one session in order, folds pauses and marks errors.",
        f"{DESIGN} 10",
    ),
    Requirement(
        "tail.each-once",
        "`tail -f` shows each ended call once while its records move from spool to log.",
        f"{DESIGN} 10",
    ),
    Requirement(
        "export.command",
        "`export` writes what the file's name says, whole or not at all, for its owner only.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "index.commands",
        "`index status` says how far the query copy is behind; `index rebuild` makes it anew.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "completion.bash",
        "In bash, TAB completes commands, options, fields and the values of a field that has few.",
        f"{DESIGN} 10",
    ),
    Requirement(
        "completion.zsh-fish",
        "In zsh and fish, TAB completes the same.",
        f"{DESIGN} 10",
    ),
    # Ask it: reading
    Requirement(
        "trail.same-as-log",
        "Answers from the query copy are those of the log, entry for entry, whatever it covers.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "trail.beside-writers",
        "Readers take no lock, and never show a wrong row while files are replaced.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "sql.guide",
        "The guide's three queries run verbatim and are exact at the boundary of their time.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "sql.guarded",
        "SQL is one SELECT over the views: no file, no setting, no change, bounded in time.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "sql.hard-bounds",
        "`query --sql` ends soon after its time and within its memory, whatever it is given.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "sql.readings",
        "SQL that fails leaves a record as SQL that is answered does.",
        f"{DESIGN} 8",
    ),
    # Ask it: the query grammar
    Requirement(
        "query.one-meaning",
        "A filter selects the same entries in SQL over the query copy as in Python.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "query.one-form",
        "Every filter has one text, which is read as the same filter again.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "query.errors-say-where",
        "A filter that cannot be understood is refused with the place and how to put it right.",
        f"{DESIGN} 8",
    ),
    Requirement(
        "query.bounded",
        "No filter takes more than its bounds: bytes, terms, nesting, time of its patterns.",
        f"{DESIGN} 8",
    ),
    # Capture everywhere: configuration
    Requirement(
        "config.round-trip",
        "What is written of a configuration is read back the same.",
        "issue: capture everywhere, policy in config",
    ),
    Requirement(
        "config.schema",
        "The published schema and page are those of the code, and take what it writes.",
        "issue: capture everywhere, policy in config",
    ),
    Requirement(
        "config.precedence",
        "A flag is stronger than a variable than a file than a default; each origin is named.",
        "issue: capture everywhere, policy in config",
    ),
    Requirement(
        "config.lookup",
        "The first file of a fixed list is taken alone: no files are merged.",
        "issue: capture everywhere, policy in config",
    ),
    Requirement(
        "config.environment",
        "Every key has its environment variable; an unknown variable is an error.",
        "issue: capture everywhere, policy in config",
    ),
    Requirement(
        "config.one-error",
        "A bad file is one error with file, line, key and the nearest name that exists.",
        "issue: capture everywhere, policy in config",
    ),
    Requirement(
        "config.permissions",
        "A file that another user than root could have written is refused.",
        "issue: capture everywhere, policy in config",
    ),
    Requirement(
        "config.hostile-file",
        "Any bytes, and any kind of file, are a configuration or one error, in bounded time.",
        "issue: capture everywhere, policy in config",
    ),
    Requirement(
        "config.stdlib-start",
        "Without a configuration nothing of it is loaded before a wrapped server runs.",
        "issue: capture everywhere, policy in config",
    ),
    Requirement(
        "config.levels",
        "What a level leaves out is in no record, and the record says that it is left out.",
        "issue: capture everywhere, policy in config",
    ),
    Requirement(
        "config.effects",
        "An effect given by the operator decides, and the record says where it is from.",
        "issue: capture everywhere, policy in config",
    ),
    Requirement(
        "config.failure",
        "Failure policy holds by class of effect and by tool.",
        "issue: capture everywhere, policy in config",
    ),
    Requirement(
        "config.recorded",
        "The hash of what is configured is on record for each writer and at each change.",
        "PCI DSS 10.2.1.6",
    ),
    Requirement(
        "config.reload",
        "A changed file holds five seconds later; a bad one changes nothing and is said once.",
        "issue: capture everywhere, policy in config",
    ),
    # Capture everywhere: every SDK
    Requirement(
        "audit.every-sdk",
        "On every supported SDK each message of a connection is on record once, with its outcome.",
        "docs/reference/sdks.md",
    ),
    Requirement(
        "audit.sdk-pins",
        "A change of what the hooks rely on in an SDK fails a test of that SDK.",
        "docs/reference/sdks.md",
    ),
    Requirement(
        "audit.sdk-killed",
        "A killed server's calls are on record once, and closed by the next collection.",
        "docs/reference/sdks.md",
    ),
    Requirement(
        "audit.sdk-hostile",
        "No hook of any SDK lets a planted secret or an odd message into the record unredacted.",
        "docs/reference/sdks.md",
    ),
    Requirement(
        "tools.drift",
        "A change of the tools that an asker is shown is on record, what differs by user is none.",
        "docs/reference/sdks.md",
    ),
    Requirement(
        "audit.full-disk",
        "On a full disk a server answers on as the policy says, and a gap says how many calls.",
        f"{DESIGN} 6",
    ),
    Requirement(
        "outcome.soft-errors",
        "A result that tells of an error, though it is none to the protocol, is flagged.",
        f"{DESIGN} 3",
    ),
    Requirement(
        "audit.rounds",
        "The requests of one call that took several are joined by the digest of its state.",
        "docs/reference/sdks.md",
    ),
    Requirement(
        "audit.tasks",
        "A call that runs on as a task names it, and the task's failure is recorded as one.",
        "docs/reference/sdks.md",
    ),
    Requirement(
        "audit.refused",
        "On every hook a call that the policy refuses does not run, and its caller is told why.",
        f"{DESIGN} 6",
    ),
    # Capture everywhere: who asked, and how a call is followed
    Requirement(
        "actor.token",
        "A verified token's configured claims say who asked, and who vouches for it.",
        f"{DESIGN} 3",
    ),
    Requirement(
        "actor.chain",
        "Who acts for the actor (RFC 8693 `act`) is kept, who acts now first, at most 16.",
        f"{DESIGN} 3",
    ),
    Requirement(
        "actor.api-key",
        "Of an API key only a keyed fingerprint is kept, and none without the state's key.",
        f"{DESIGN} 3",
    ),
    Requirement(
        "actor.verifier",
        "The proxy calls a token verified by its issuer's keys or answer, for our audience, alone.",
        "docs/how-to/know-who-asked.md",
    ),
    Requirement(
        "actor.verifier-hostile",
        "No forged, foreign, expired or malformed token is verified, whatever it names.",
        "docs/how-to/know-who-asked.md",
    ),
    Requirement(
        "actor.verifier-bounded",
        "No token has an issuer asked without bound, and no request waits beyond the time limit.",
        "docs/how-to/know-who-asked.md",
    ),
    Requirement(
        "actor.unverified",
        "A token that nobody verified makes its actor `asserted` at most, and is never kept.",
        "docs/how-to/know-who-asked.md",
    ),
    Requirement(
        "actor.headers",
        "A configured identity header is believed of a trusted proxy, as `asserted`.",
        f"{DESIGN} 3",
    ),
    Requirement(
        "actor.no-spoofing",
        "Forwarding and identity headers are believed only as far as trusted proxies vouch.",
        f"{DESIGN} 3",
    ),
    Requirement(
        "actor.no-secret",
        "An actor's id is kept as it is, but no token or other secret in its place.",
        f"{DESIGN} 4",
    ),
    Requirement(
        "actor.no-stale-token",
        "Who asks is told by the token of this very request, on either SDK.",
        f"{DESIGN} 3",
    ),
    Requirement(
        "actor.warning",
        "A server on which nobody can be identified says so once, at its start.",
        f"{DESIGN} 3",
    ),
    Requirement(
        "correlation.request-id",
        "`X-Request-Id` or a trace id is taken where it is harmless, else replaced and noted.",
        f"{DESIGN} 5",
    ),
    Requirement(
        "correlation.session",
        "A session says what it was derived from, and its id opens no session.",
        f"{DESIGN} 5",
    ),
    Requirement(
        "correlation.in-the-call",
        "The code of a tool, and what it starts, knows the ids of its record.",
        f"{DESIGN} 5",
    ),
    Requirement(
        "correlation.logging",
        "A `logging.Filter` gives every log record the ids of its call.",
        f"{DESIGN} 5",
    ),
    Requirement(
        "correlation.structlog",
        "A structlog processor gives every event the ids of its call.",
        f"{DESIGN} 5",
    ),
    Requirement(
        "correlation.opentelemetry",
        "Spans get the ids, under names of one table; OpenTelemetry is never loaded for it.",
        f"{DESIGN} 5",
    ),
    Requirement(
        "proxy.records",
        "A call through the HTTP proxy is on record before the server has it, and its end"
        " before the client has it.",
        PROXY,
    ),
    Requirement(
        "proxy.bytes",
        "Requests and answers pass the HTTP proxy byte for byte: path, header lines in "
        "their order, case and number, bodies, status and phrase.",
        PROXY,
    ),
    Requirement(
        "proxy.request-id",
        "The one header that the proxy adds is `X-Request-Id`, where the client gives "
        "none, and it is the record's.",
        PROXY,
    ),
    Requirement(
        "proxy.stream",
        "Each part of an answer's stream passes when it comes.",
        PROXY,
    ),
    Requirement(
        "proxy.rejections",
        "What the server refuses is on record as denied, whatever the call was.",
        PROXY,
    ),
    Requirement(
        "proxy.odd",
        "Bodies that are no JSON, batches, several values, other encodings and content "
        "codings pass and are on record.",
        PROXY,
    ),
    Requirement(
        "proxy.sessions",
        "A reply meets its request within its exchange or its session, whatever ids others use.",
        PROXY,
    ),
    Requirement(
        "proxy.resumption",
        "A resumed stream ends the call it was left with, and what it repeats is recorded once.",
        PROXY,
    ),
    Requirement(
        "proxy.older-transport",
        "HTTP with server-sent events (2024-11-05) is followed from the stream to its posts.",
        PROXY,
    ),
    Requirement(
        "proxy.sdks",
        "Clients and servers of every supported SDK, and of another language, hear through the "
        "proxy what they hear without it.",
        PROXY,
    ),
    Requirement(
        "proxy.load",
        "1,000 streams at a time pass, and a stream of any length in constant memory.",
        PROXY,
    ),
    Requirement(
        "proxy.tls",
        "TLS on both sides, with client certificates towards the server.",
        PROXY,
    ),
    Requirement(
        "proxy.several",
        "One process serves several servers from the configuration, each a server on record.",
        PROXY,
    ),
    Requirement(
        "proxy.upstream-gone",
        "A server that is dead, deaf or breaks off is a clear error for the client and an"
        " `abandoned` record.",
        PROXY,
    ),
    Requirement(
        "proxy.disconnect",
        "A client that leaves takes its connection to the server along, and its call is "
        "on record as cancelled.",
        PROXY,
    ),
    Requirement(
        "proxy.kills",
        "A killed proxy leaves its open calls on record; the next collection ends them.",
        PROXY,
    ),
    Requirement(
        "proxy.policy",
        "The failure policy holds in the proxy: what is refused gets a JSON-RPC error, "
        "and the server nothing.",
        PROXY,
    ),
    Requirement(
        "proxy.limits",
        "Bodies, heads, idle connections and requests at a time are limited, with a clear"
        " status each.",
        PROXY,
    ),
    Requirement(
        "proxy.large",
        "A body too long to be held flows, and is on record by its outline before its end.",
        PROXY,
    ),
    Requirement(
        "proxy.drain",
        "A proxy that is stopped lets calls end, then ends streams, and says so on record.",
        PROXY,
    ),
    Requirement(
        "proxy.health",
        "`/livez` and `/readyz` are answered on a listener of their own.",
        PROXY,
    ),
    Requirement(
        "asgi.rejections",
        "What HTTP refuses before it is a message is on record, as `denied`.",
        f"{DESIGN} 3",
    ),
    Requirement(
        "asgi.once",
        "What a message hook has recorded is not recorded again by the ASGI seam.",
        f"{DESIGN} 3",
    ),
    Requirement(
        "asgi.streams",
        "A stream or a session's end is on record before it is done, or is not done.",
        f"{DESIGN} 6",
    ),
    Requirement(
        "asgi.transparent",
        "The ASGI seam passes every message on as it is, when it comes.",
        f"{DESIGN} 9",
    ),
    Requirement(
        "proxy.conformance-servers",
        "The public suites find in a server, through the proxy, what they find there directly.",
        "issue: the HTTP proxy",
    ),
    Requirement(
        "proxy.conformance-clients",
        "The public suites find in a client, behind the proxy, what they find in it alone.",
        "issue: the HTTP proxy",
    ),
    Requirement(
        "proxy.conformance-oauth",
        "Signing in works as without the proxy, where the proxy has the server's own address.",
        "issue: the HTTP proxy",
    ),
    Requirement(
        "proxy.reference-server",
        "A TypeScript server has the same failures in the public suite through the proxy.",
        "issue: the HTTP proxy",
    ),
    Requirement(
        "followed.example",
        "The example follows one call from its record to the application's log to a trace.",
        f"{DESIGN} 5",
    ),
    Requirement(
        "where.workers",
        "Four worker processes share a state: no record lost, none doubled.",
        f"{DESIGN} 3",
    ),
    Requirement(
        "where.fork",
        "A process forked after `audit()` is a writer and a session of its own.",
        f"{DESIGN} 3",
    ),
    Requirement(
        "where.no-home",
        "Without HOME, and where nothing can be written, the server serves by its profile.",
        f"{DESIGN} 6",
    ),
    Requirement(
        "record.life",
        "A server's start and end are on record, with its command and what it has used.",
        "issue: capture everywhere, outcome truth",
    ),
    Requirement(
        "where.unwritable",
        "What cannot be recorded for a while goes on or is refused; a gap is on record.",
        f"{DESIGN} 6",
    ),
    Requirement(
        "where.sigterm",
        "What ran when SIGTERM came is on record with its end.",
        f"{DESIGN} 3",
    ),
    # Ask it: the storm
    Requirement(
        "trail.storm",
        "Readers beside writers, collections and kills see no wrong row, none twice, no error.",
        "issue: ask it, readers never block or break writers",
    ),
]

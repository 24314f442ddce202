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
        "`audit(server)` records the calls of a low-level Server of mcp 2.x.",
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
        "demo records, tampers and is caught, offline and in under 30 seconds.",
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
]

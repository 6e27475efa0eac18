import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { failureList, failuresOf, remedyOf } from "../../bench/failures.ts";
import { Turns, type Job, type Measured, type Worker } from "../../bench/measure.ts";
import { slowLines, targetTable } from "../../bench/report.ts";
import type { Piece } from "../../bench/rig.ts";
import type { SetupName } from "../../bench/setups.ts";
import { verdicts } from "../../bench/targets.ts";
import { WORKLOADS, type Workload } from "../../bench/workloads.ts";
import { Fault } from "../../tools/fault.ts";

const SECONDS = 0.25;
const workOf = (wanted: string): Workload => WORKLOADS.find(({ name }) => name === wanted)!;
const work = workOf("publish-16");
const setups = ["native", "envoy", "filter"] as const;

/** What a machine prepares on which a message takes so many nanoseconds, or as many more as it is held up in that setup's turn. */
async function prepared(nanoseconds: (setup: SetupName, turn: number) => number): Promise<Measured> {
  const turns = new Map<string, number>();
  const rig = rigOf(({ name }, messages) => {
    const turn = turns.get(name) ?? 0;
    turns.set(name, turn + 1);
    return messages * nanoseconds(name as SetupName, turn);
  });
  const [measured] = (
    await Turns.prepare(rig, [{ workload: work, setups }], SECONDS, (reason) => assert.fail(reason))
  ).finished(0);
  return measured!;
}

/** A machine on which a piece of work takes so many nanoseconds, or fails. After a failure it goes on, or ends by what `end` says. */
function rigOf(take: (setup: { name: string }, messages: number, work: Workload) => number, end?: string): Worker {
  const rig: Worker = {
    ended: undefined,
    run: (work, setup, messages): Promise<Piece> =>
      new Promise((resolve) => {
        const elapsed = take(setup, messages, work);
        resolve({ operations: messages, elapsed, envoyCpu: 1, natsCpu: 1, loadCpu: 1 });
      }),
    callbacks: () => Promise.reject(new Error("no setup is the empty filter")),
    recover: () => {
      rig.ended = end;
      return Promise.resolve();
    },
  };
  return rig;
}

describe("the bench's messages", () => {
  it("are as many for each setup as keep Envoy alone busy for a turn", async () => {
    const { messages, fewer } = await prepared(() => 250);
    assert.deepEqual([messages, fewer], [1_000_000, {}]);
  });

  it("are fewer for a setup that is always slow, so that its turn is no longer, and the tables say so", async () => {
    const measured = await prepared((setup) => (setup === "native" ? 25_000 : 250));
    assert.deepEqual([measured.messages, measured.fewer], [1_000_000, { native: 10_000 }]);
    assert.deepEqual(slowLines(measured), ["nats-server, permissions, being slow, got 10,000."]);
  });

  it("are the same for a setup that was held up in its first turns, which says nothing about it", async () => {
    for (const slow of setups) {
      // Envoy alone has had four turns by then: the bench finds by it how many messages there are to be.
      const since = slow === "envoy" ? 4 : 0;
      for (const times of [1, 2]) {
        const held = (setup: SetupName, turn: number): boolean =>
          setup === slow && turn >= since && turn < since + times;
        const { messages, fewer } = await prepared((setup, turn) => (held(setup, turn) ? 2500 : 250));
        assert.deepEqual([messages, fewer], [1_000_000, {}], `${slow}, ${times} times`);
      }
    }
  });

  it("are not fewer for all because Envoy alone was held up when it was paced", async () => {
    for (const turn of [1, 2]) {
      const { messages } = await prepared((setup, at) => (setup === "envoy" && at === turn ? 2500 : 250));
      assert.equal(messages, 1_000_000, `in turn ${turn}`);
    }
  });
});

describe("work of the bench that fails", () => {
  const ROUNDS = 5;
  const jobs: Job[] = ["publish-128", "publish-random", "publish-refused"].map((name) => ({
    workload: workOf(name),
    setups: name === "publish-refused" ? ["filter"] : ["envoy", "filter"],
  }));
  const other: Job = { workload: workOf("queue"), setups: ["envoy", "filter"] };
  const names = (measured: readonly Measured[]): string[] => measured.map(({ workload }) => workload);

  /** The turns of `jobs` where the piece that `isLast` tells fails, and what was told of that. */
  async function taken(
    isLast: (work: Workload, setup: string, piece: number) => boolean,
    end?: string,
  ): Promise<{ turns: Turns; told: string[]; rig: Worker; tried: string[] }> {
    const pieces = new Map<string, number>();
    const [told, tried]: [string[], string[]] = [[], []];
    const rig = rigOf((setup, messages, work) => {
      const piece = (pieces.get(work.name) ?? 0) + 1;
      pieces.set(work.name, piece);
      tried.push(work.name);
      if (isLast(work, setup.name, piece)) throw new Fault(`${work.name} by ${setup.name}: EOF\nthe end of a log`);
      return messages * 250;
    }, end);
    const turns = await Turns.prepare(rig, jobs, SECONDS, (reason) => told.push(reason));
    for (let round = 0; round < ROUNDS; round++) await turns.take();
    return { turns, told, rig, tried };
  }

  /** What a run makes of it in which `other` was to have its turns later. */
  function reported({ turns, rig }: { turns: Turns; rig: Worker }): ReturnType<typeof failuresOf> {
    const rest = rig.ended === undefined ? [] : [other];
    return failuresOf([...jobs, ...rest], turns.finished(ROUNDS), turns.failures, rig.ended);
  }

  for (const [when, piece] of [
    ["while its messages are counted", 1],
    ["in one of its turns", 12],
  ] as const) {
    it(`${when} gets no more turns and has no figures, and the others keep theirs`, async () => {
      const run = await taken((work, _, at) => work.name === "publish-128" && at === piece);
      assert.deepEqual(names(run.turns.finished(ROUNDS)), ["publish-random", "publish-refused"]);
      for (const { setups } of run.turns.finished(ROUNDS))
        for (const rounds of Object.values(setups)) assert.equal(rounds.length, ROUNDS);
      assert.equal(run.tried.filter((name) => name === "publish-128").length, piece);
      assert.deepEqual(run.told, [run.turns.failures[0]?.reason]);
      const [failure, ...more] = reported(run);
      assert.equal(more.length, 0);
      assert.equal(failureList([failure!]), `- publish 128 B: ${failure!.reason.split("\n")[0]!}\n`);
      assert.match(failure!.reason, /^publish-128 by (?:envoy|filter): EOF\nthe end of a log$/);
      assert.match(remedyOf([failure!]), /`npm run bench -- --only publish-128`/);
    });
  }

  it("in further rounds keeps what the others have had", async () => {
    const run = await taken((work, _, at) => work.name === "publish-random" && at > 20);
    await run.turns.take();
    for (let round = 0; round < 10; round++) await run.turns.take(() => ["envoy", "filter"]);
    assert.deepEqual(names(run.turns.finished(ROUNDS)), ["publish-128", "publish-refused"]);
    assert.equal(run.turns.finished(ROUNDS)[0]?.setups.filter?.length, ROUNDS + 11);
  });

  it("and with it the run, as where Envoy ends, takes only what was not finished", async () => {
    const ended = "server-envoy ended (SIGKILL)";
    const early = await taken((work, _, at) => work.name === "publish-128" && at === 12, ended);
    assert.deepEqual(names(early.turns.finished(ROUNDS)), []);
    assert.deepEqual(
      reported(early).map(({ workload, reason }) => [workload, reason.split("\n")[0]]),
      [
        ["publish-128", reported(early)[0]?.reason.split("\n")[0]],
        ...["publish-random", "publish-refused", "queue"].map((name) => [name, `the run had to end before: ${ended}`]),
      ],
    );
    let isLate = false;
    const late = await taken(() => isLate, ended);
    isLate = true;
    await late.turns.take();
    assert.equal(names(late.turns.finished(ROUNDS)).length, 2);
    assert.deepEqual(
      reported(late).map(({ workload }) => workload),
      [late.turns.failures[0]?.workload, "queue"],
    );
    const tried = late.tried.length;
    await late.turns.take();
    assert.equal(late.tried.length, tried, "work is given to what has ended");
  });

  it("leaves its targets unmeasured, also those that compare it with other work, and never met", async () => {
    const { turns } = await taken((work, _, at) => work.name === "publish-128" && at === 12);
    const targets = verdicts(turns.finished(ROUNDS), [jobs[0]!, other]);
    assert.deepEqual(
      targets.map(({ what, met, isMeasured, isCertain }) => [what, met, isMeasured, isCertain]),
      [
        "publish 128 B: CPU added",
        "publish 128 B: rate",
        "queue group of 4, 128 B: rate",
        "a refused publish against an allowed one: CPU of Envoy and nats-server",
        "a refused publish against an allowed one: Envoy's own CPU",
        "1,000 random subjects against a repeated one: CPU added",
      ].map((what) => [what, false, false, false]),
    );
    assert.deepEqual(targetTable(targets).rows[0], [
      "publish 128 B: CPU added",
      "≤ 25.0 ns",
      "",
      "0",
      "not measured",
      "",
    ]);
    assert.deepEqual(verdicts(turns.finished(ROUNDS), [{ workload: workOf("queue"), setups: ["envoy"] }]), []);
  });
});

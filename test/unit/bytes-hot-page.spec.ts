import {
  BOUNDS,
  CHUNK_TO_CLIENT,
  CHUNK_TO_SERVER,
  CONNECTIONS,
  DELIVERY_SIZE,
  HEADERS_RUN,
  HEADERS_SIZE,
  KEPT,
  KEYS,
  LAST_DELIVERY,
  LAST_PUBLISH,
  MASKS,
  POINTER_ANSWER,
  PUBLISH_SIZE,
  SIZE_ANSWER,
  TALLIES,
  TALLIES_BYTES,
  TIME_ANSWER,
  TOTAL_SIZE,
} from "../../assembly/bytes/hot-page";
import { NumberTable } from "../../assembly/bytes/number-table";
import { LONGEST } from "../../assembly/bytes/padded";
import { DELIVERY_RUN, PUBLISH_RUN } from "../../assembly/connection/last-subject";
import { Run, TALLY_BYTES } from "../../assembly/connection/run";
import { SIZE_READ } from "../../assembly/nats/plain-size";
import { Chunk } from "../../assembly/proxy/chunk";
import { MAX_CLASS_NUMBERS } from "../../assembly/telemetry/names";

/** Where something lies, and how many bytes of it. */
class Place {
  constructor(
    readonly at: usize,
    readonly bytes: usize,
  ) {}
}

const VECTOR: usize = 16;
const LINE: usize = 64;
const PAGE: usize = 4096;

/** In the order in which they lie. */
const places: Place[] = [
  new Place(TIME_ANSWER, sizeof<u64>()),
  new Place(POINTER_ANSWER, sizeof<u32>()),
  new Place(SIZE_ANSWER, sizeof<u32>()),
  new Place(PUBLISH_SIZE, SIZE_READ),
  new Place(DELIVERY_SIZE, SIZE_READ),
  new Place(TOTAL_SIZE, SIZE_READ),
  new Place(HEADERS_SIZE, SIZE_READ),
  new Place(LAST_PUBLISH, changetype<usize>(PUBLISH_RUN) + offsetof<Run>() - LAST_PUBLISH),
  new Place(LAST_DELIVERY, changetype<usize>(DELIVERY_RUN) + offsetof<Run>() - LAST_DELIVERY),
  new Place(CHUNK_TO_SERVER, offsetof<Chunk>()),
  new Place(CHUNK_TO_CLIENT, offsetof<Chunk>()),
  new Place(MASKS, 2 * LONGEST),
  new Place(KEYS, LONGEST),
  new Place(BOUNDS, 2 * VECTOR),
  new Place(HEADERS_RUN, offsetof<Run>()),
  new Place(CONNECTIONS, offsetof<NumberTable>()),
];

describe("what nearly every callback touches", () => {
  it("has room, each behind the other, on one page", () => {
    for (let i = 0; i < places.length; i++) {
      const end = places[i].at + places[i].bytes;
      expect(end).toBeLessThanOrEqual(i + 1 < places.length ? places[i + 1].at : TIME_ANSWER + KEPT, `place ${i}`);
    }
  });

  it("has a tally for each class behind it, most of them on the same page", () => {
    expect(TALLIES).toBe(TIME_ANSWER + KEPT);
    expect(TALLIES_BYTES).toBe(<usize>MAX_CLASS_NUMBERS * TALLY_BYTES);
    expect(TIME_ANSWER & (PAGE - 1)).toBe(0);
  });

  it("lies in as few lines as it can", () => {
    for (let i = 0; i < places.length; i++) {
      const lines = (places[i].at + places[i].bytes - 1) / LINE - places[i].at / LINE + 1;
      expect(lines).toBe((places[i].bytes + LINE - 1) / LINE, `place ${i}`);
    }
  });

  it("is aligned as its widest part", () => {
    const vectors: usize[] = [LAST_PUBLISH, LAST_DELIVERY, MASKS, KEYS, BOUNDS];
    for (let i = 0; i < vectors.length; i++) expect(vectors[i] % VECTOR).toBe(0);
    const words: usize[] = [TIME_ANSWER, changetype<usize>(PUBLISH_RUN), changetype<usize>(DELIVERY_RUN), HEADERS_RUN];
    for (let i = 0; i < words.length; i++) expect(words[i] % sizeof<u64>()).toBe(0);
    for (let i = 0; i < places.length; i++) expect(places[i].at % sizeof<u32>()).toBe(0);
  });
});

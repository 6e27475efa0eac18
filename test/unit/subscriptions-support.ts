import * as subs from "../../assembly/connection/subscription";
import { Subscriptions } from "../../assembly/connection/subscriptions";
import { lengthOf, pointerTo, textAt } from "./bytes-support";

export function add(all: Subscriptions, sid: string, subject: string = "foo", queue: string = ""): usize {
  return all.add(
    pointerTo(sid),
    lengthOf(sid),
    pointerTo(subject),
    lengthOf(subject),
    pointerTo(queue),
    lengthOf(queue),
    false,
  );
}

export function find(all: Subscriptions, sid: string): usize {
  return all.find(pointerTo(sid), lengthOf(sid));
}

export function findAgain(all: Subscriptions, sid: string): usize {
  return all.findAgain(pointerTo(sid), lengthOf(sid));
}

export function tellEnd(all: Subscriptions, sid: string): void {
  const sub = find(all, sid);
  if (sub != 0) all.tellEnd(sub);
}

export function noteReuse(sub: usize, subject: string, queue: string): void {
  subs.noteReuse(sub, pointerTo(subject), lengthOf(subject), pointerTo(queue), lengthOf(queue));
}

export function sidOf(sub: usize): string {
  return textAt(subs.sidOf(sub), subs.sidLengthOf(sub));
}

export function queueOf(sub: usize): string {
  return textAt(subs.queueOf(sub), subs.queueLengthOf(sub));
}

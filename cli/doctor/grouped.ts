import { getOrMake } from "../get-or-make.ts";
import { placeText, type Place } from "../manifests/place.ts";
import { named } from "../named.ts";
import type { Remedied, Report } from "./family.ts";

/** A finding that is made once for one cause, whatever the number of those that it is about. */
interface Cause<Id extends string> {
  id: Id;
  place: Place;
  message: (about: string) => string;
  remedied: Remedied;
  about: Set<string>;
}

/** Gathers findings, so that one line that is wrong for several ports or pods is reported once. */
export class Grouped<Id extends string> {
  private readonly causes = new Map<string, Cause<Id>>();

  /** `message` is given what the finding is about, here and in all findings with the same id, place and remedy. */
  add(id: Id, place: Place, about: string, message: (about: string) => string, remedied: Remedied = {}): void {
    const key = JSON.stringify([id, placeText(place), remedied.remedy]);
    getOrMake(this.causes, key, () => ({ id, place, message, remedied, about: new Set() })).about.add(about);
  }

  reportTo(report: Report<Id>): void {
    for (const { id, place, message, remedied, about } of this.causes.values()) {
      report(id, place, message(named([...about])), remedied);
    }
  }
}

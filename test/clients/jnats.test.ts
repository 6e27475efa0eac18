import { playAll } from "../e2e/scenarios/play.ts";
import { openJnats } from "./ends.ts";

playAll("jnats", openJnats);

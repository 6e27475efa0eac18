import { playAll } from "../e2e/scenarios/play.ts";
import { openAsyncNats } from "./ends.ts";

playAll("async-nats", openAsyncNats);

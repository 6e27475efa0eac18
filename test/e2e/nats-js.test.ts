import { NatsJs } from "./clients/nats-js.ts";
import { playAll } from "./scenarios/play.ts";

playAll("nats.js", () => Promise.resolve(new NatsJs()));

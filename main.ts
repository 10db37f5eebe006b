import { dispatch } from "./lib/cli/dispatch.ts";

Deno.exit(await dispatch(Deno.args));

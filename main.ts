import { dispatch } from "./lib/cli/dispatch.ts";
import { hearHead } from "./lib/cli/self.ts";

hearHead();
Deno.exit(await dispatch(Deno.args));

export * from "./agent.ts";
export * from "./echo.ts";
export * from "./linux_machine.ts";

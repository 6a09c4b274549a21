// What a user of the official JavaScript SDK writes: `node program.mjs http://host:8080/api`.
// Registers, works, starts, searches, retries, terminates; prints what it saw as one line of JSON.
import { OrkesClients, TaskManager } from "@io-orkes/conductor-javascript";

const clients = await OrkesClients.from({ serverUrl: process.argv[2] });
const metadata = clients.getMetadataClient(), workflows = clients.getWorkflowClient();
const names = { reserve: "js_reserve", pay: "js_pay", flow: "js_order", held: "js_held" };
const simple = (name, reference, inputParameters) => ({ name, taskReferenceName: reference, type: "SIMPLE", inputParameters });
const once = { retryCount: 0, timeoutSeconds: 0, totalTimeoutSeconds: 0, ownerEmail: "tests@example.com" };

await metadata.registerTasks([names.reserve, names.pay].map((name) => ({ name, ...once })));
await metadata.registerWorkflowDef({
  name: names.flow, version: 1, schemaVersion: 2, ownerEmail: "tests@example.com", timeoutSeconds: 0,
  tasks: [simple(names.reserve, "reserve", { order: "${workflow.input.order}" }), simple(names.pay, "pay", { reservation: "${reserve.output.reservation}" })],
  outputParameters: { receipt: "${pay.output.receipt}" },
}, true);
await metadata.registerWorkflowDef({
  name: names.held, version: 1, schemaVersion: 2, ownerEmail: "tests@example.com", timeoutSeconds: 0,
  tasks: [{ name: "wait", taskReferenceName: "wait", type: "WAIT", inputParameters: {} }],
}, true);

let refusals = 0;
const workers = [
  { taskDefName: names.reserve, pollInterval: 20, execute: async ({ inputData }) => ({ status: "COMPLETED", outputData: { reservation: `${inputData.order}-1` } }) },
  { taskDefName: names.pay, pollInterval: 20, execute: async ({ inputData }) => {
    if (!refusals++) return { status: "FAILED", reasonForIncompletion: "the bank is closed" };
    return { status: "COMPLETED", outputData: { receipt: `${inputData.reservation} paid` } };
  } },
];
const manager = new TaskManager(clients.getClient(), workers, { options: { concurrency: 1, pollInterval: 20 } });
manager.startPolling();

async function until(id, ...wanted) {
  for (let tries = 0; tries < 600; tries++) {
    const found = await workflows.getWorkflow(id, true);
    if (wanted.includes(found.status)) return found;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error(`${id} never became ${wanted}`);
}

const id = await workflows.startWorkflow({ name: names.flow, version: 1, input: { order: "A7" }, correlationId: "js" });
const failed = await until(id, "FAILED", "COMPLETED");
const search = await workflows.search(0, 10, `workflowType='${names.flow}' AND status='FAILED'`, "*");
await workflows.retry(id, false);
const completed = await until(id, "COMPLETED");
const held = await workflows.startWorkflow({ name: names.held, version: 1, input: {} });
await workflows.terminate(held, "enough");
const terminated = await until(held, "TERMINATED");
let unknown = "found";
try {
  await workflows.getWorkflow("no-such-id", false);
} catch (error) {
  unknown = String(error.message).includes("no-such-id") || /not found|404/i.test(String(error.message)) ? "refused" : String(error.message);
}
await manager.stopPolling();
console.log(JSON.stringify({
  failed: failed.status, found: search.results.map((line) => line.workflowId).includes(id), completed: completed.status,
  output: completed.output, terminated: terminated.status, reason: terminated.reasonForIncompletion, unknown,
}));
process.exit(0);

// What a user of the official Java client writes: `java -cp 'lib/*' Program.java http://host:8080/api`.
// Registers, works, starts, searches, retries, terminates; prints what it saw as one line of JSON.

import com.fasterxml.jackson.databind.ObjectMapper;
import com.netflix.conductor.client.automator.TaskRunnerConfigurer;
import com.netflix.conductor.client.exception.ConductorClientException;
import com.netflix.conductor.client.http.ConductorClient;
import com.netflix.conductor.client.http.MetadataClient;
import com.netflix.conductor.client.http.TaskClient;
import com.netflix.conductor.client.http.WorkflowClient;
import com.netflix.conductor.client.worker.Worker;
import com.netflix.conductor.common.metadata.tasks.TaskDef;
import com.netflix.conductor.common.metadata.tasks.TaskResult;
import com.netflix.conductor.common.metadata.workflow.StartWorkflowRequest;
import com.netflix.conductor.common.metadata.workflow.WorkflowDef;
import com.netflix.conductor.common.metadata.workflow.WorkflowTask;
import com.netflix.conductor.common.run.Workflow;
import io.orkes.conductor.client.ApiClient;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

public class Program {
    private static WorkflowClient workflows;

    public static void main(String[] arguments) throws Exception {
        var key = System.getenv("CONDUCTOR_AUTH_KEY");
        var client = key == null
            ? new ConductorClient(arguments[0])
            : new ApiClient(arguments[0], key, System.getenv("CONDUCTOR_AUTH_SECRET"));
        var metadata = new MetadataClient(client);
        var tasks = new TaskClient(client);
        workflows = new WorkflowClient(client);

        metadata.registerTaskDefs(List.of(task("java_reserve"), task("java_pay")));
        metadata.updateWorkflowDefs(List.of(
            flow("java_order",
                step("SIMPLE", "java_reserve", "reserve", Map.of("order", "${workflow.input.order}")),
                step("SIMPLE", "java_pay", "pay", Map.of("reservation", "${reserve.output.reservation}"))),
            flow("java_held", step("WAIT", "wait", "wait", Map.of()))));

        var refusals = new AtomicInteger();
        var reserve = Worker.create("java_reserve", task -> {
            var result = new TaskResult(task);
            result.setStatus(TaskResult.Status.COMPLETED);
            result.getOutputData().put("reservation", task.getInputData().get("order") + "-1");
            return result;
        });
        var pay = Worker.create("java_pay", task -> {
            var result = new TaskResult(task);
            if (refusals.getAndIncrement() == 0) {
                result.setStatus(TaskResult.Status.FAILED);
                result.setReasonForIncompletion("the bank is closed");
            } else {
                result.setStatus(TaskResult.Status.COMPLETED);
                result.getOutputData().put("receipt", task.getInputData().get("reservation") + " paid");
            }
            return result;
        });
        var runner = new TaskRunnerConfigurer.Builder(tasks, List.of(reserve, pay)).withThreadCount(2).build();
        runner.init();

        var id = start("java_order", Map.of("order", "A7"));
        var failed = until(id, "FAILED");
        var found = workflows.search("workflowType='java_order' AND status='FAILED'");
        workflows.retryLastFailedTask(id);
        var completed = until(id, "COMPLETED");
        var held = start("java_held", Map.of());
        workflows.terminateWorkflow(held, "enough");
        var terminated = until(held, "TERMINATED");
        var unknown = "found";
        try {
            workflows.getWorkflow("no-such-id", false);
        } catch (ConductorClientException error) {
            unknown = error.getStatus() == 404 ? "refused" : "status " + error.getStatus();
        }

        var told = new LinkedHashMap<String, Object>();
        told.put("failed", failed.getStatus().name());
        told.put("found", found.getResults().stream().anyMatch(line -> line.getWorkflowId().equals(id)));
        told.put("completed", completed.getStatus().name());
        told.put("output", completed.getOutput());
        told.put("terminated", terminated.getStatus().name());
        told.put("reason", terminated.getReasonForIncompletion());
        told.put("unknown", unknown);
        System.out.println(new ObjectMapper().writeValueAsString(told));
        System.out.flush();
        Runtime.getRuntime().halt(0); // its pollers need not say goodbye
    }

    private static TaskDef task(String name) {
        var task = new TaskDef(name);
        task.setRetryCount(0);
        task.setOwnerEmail("tests@example.com");
        return task;
    }

    private static WorkflowDef flow(String name, WorkflowTask... tasks) {
        var flow = new WorkflowDef();
        flow.setName(name);
        flow.setVersion(1);
        flow.setOwnerEmail("tests@example.com");
        flow.setTasks(List.of(tasks));
        flow.setOutputParameters(Map.of("receipt", "${pay.output.receipt}"));
        return flow;
    }

    private static WorkflowTask step(String type, String name, String reference, Map<String, Object> inputs) {
        var step = new WorkflowTask();
        step.setType(type);
        step.setName(name);
        step.setTaskReferenceName(reference);
        step.setInputParameters(inputs);
        return step;
    }

    private static String start(String name, Map<String, Object> input) {
        var request = new StartWorkflowRequest();
        request.setName(name);
        request.setVersion(1);
        request.setInput(input);
        return workflows.startWorkflow(request);
    }

    private static Workflow until(String id, String status) throws InterruptedException {
        for (int tries = 0; tries < 600; tries++) {
            var found = workflows.getWorkflow(id, true);
            if (found.getStatus().name().equals(status)) {
                return found;
            }
            Thread.sleep(50);
        }
        throw new IllegalStateException(id + " never became " + status);
    }
}

// What a user of the official Go SDK writes: `sdkprogram http://host:8080/api`.
// Registers, works, starts, searches, retries, terminates; prints what it saw as one line of JSON.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/conductor-sdk/conductor-go/sdk/client"
	"github.com/conductor-sdk/conductor-go/sdk/model"
	"github.com/conductor-sdk/conductor-go/sdk/settings"
	"github.com/conductor-sdk/conductor-go/sdk/worker"
	"github.com/conductor-sdk/conductor-go/sdk/workflow/executor"
)

var flows *executor.WorkflowExecutor

func main() {
	var account *settings.AuthenticationSettings
	if key := os.Getenv("CONDUCTOR_AUTH_KEY"); key != "" {
		account = settings.NewAuthenticationSettings(key, os.Getenv("CONDUCTOR_AUTH_SECRET"))
	}
	api := client.NewAPIClient(account, settings.NewHttpSettings(os.Args[1]))
	metadata := client.NewMetadataClient(api)
	flows = executor.NewWorkflowExecutor(api)
	background := context.Background()

	_, err := metadata.RegisterTaskDef(background, []model.TaskDef{task("go_reserve"), task("go_pay")})
	check(err)
	order := flow("go_order",
		step("SIMPLE", "go_reserve", "reserve", map[string]interface{}{"order": "${workflow.input.order}"}),
		step("SIMPLE", "go_pay", "pay", map[string]interface{}{"reservation": "${reserve.output.reservation}"}))
	check(flows.RegisterWorkflow(true, &order))
	held := flow("go_held", step("WAIT", "wait", "wait", map[string]interface{}{}))
	check(flows.RegisterWorkflow(true, &held))

	var refusals int32
	runner := worker.NewTaskRunnerWithApiClient(api)
	check(runner.StartWorker("go_reserve", func(t *model.Task) (interface{}, error) {
		return map[string]interface{}{"reservation": fmt.Sprint(t.InputData["order"], "-1")}, nil
	}, 1, 20*time.Millisecond))
	check(runner.StartWorker("go_pay", func(t *model.Task) (interface{}, error) {
		if atomic.AddInt32(&refusals, 1) == 1 {
			return nil, errors.New("the bank is closed")
		}
		return map[string]interface{}{"receipt": fmt.Sprint(t.InputData["reservation"], " paid")}, nil
	}, 1, 20*time.Millisecond))

	id, err := flows.StartWorkflow(&model.StartWorkflowRequest{
		Name: "go_order", Version: 1, Input: map[string]interface{}{"order": "A7"}})
	check(err)
	failed := until(id, model.FailedWorkflow)
	lines, err := flows.Search(0, 10, "workflowType='go_order' AND status='FAILED'", "*")
	check(err)
	found := false
	for _, line := range lines {
		found = found || line.WorkflowId == id
	}
	check(flows.Retry(id, false))
	completed := until(id, model.CompletedWorkflow)
	heldId, err := flows.StartWorkflow(&model.StartWorkflowRequest{
		Name: "go_held", Version: 1, Input: map[string]interface{}{}})
	check(err)
	check(flows.Terminate(heldId, "enough"))
	terminated := until(heldId, model.TerminatedWorkflow)
	unknown := "found"
	if _, err = flows.GetWorkflow("no-such-id", false); err != nil {
		unknown = err.Error()
		if strings.Contains(unknown, "404") || strings.Contains(strings.ToLower(unknown), "no such workflow") {
			unknown = "refused"
		}
	}
	told, err := json.Marshal(map[string]interface{}{
		"failed": failed.Status, "found": found, "completed": completed.Status, "output": completed.Output,
		"terminated": terminated.Status, "reason": terminated.ReasonForIncompletion, "unknown": unknown})
	check(err)
	fmt.Println(string(told))
}

func task(name string) model.TaskDef {
	return model.TaskDef{Name: name, RetryCount: 0, ResponseTimeoutSeconds: 60, OwnerEmail: "tests@example.com"}
}

func flow(name string, tasks ...model.WorkflowTask) model.WorkflowDef {
	return model.WorkflowDef{Name: name, Version: 1, SchemaVersion: 2, OwnerEmail: "tests@example.com", Tasks: tasks,
		OutputParameters: map[string]interface{}{"receipt": "${pay.output.receipt}"}}
}

func step(kind string, name string, reference string, inputs map[string]interface{}) model.WorkflowTask {
	return model.WorkflowTask{Type_: kind, Name: name, TaskReferenceName: reference, InputParameters: inputs}
}

func until(id string, status model.WorkflowStatus) *model.Workflow {
	for tries := 0; tries < 600; tries++ {
		found, err := flows.GetWorkflow(id, true)
		check(err)
		if found.Status == status {
			return found
		}
		time.Sleep(50 * time.Millisecond)
	}
	panic(fmt.Sprintf("%s never became %s", id, status))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

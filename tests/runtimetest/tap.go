/* SPDX-License-Identifier: Apache-2.0 */

// Package tap is what runtimetest counts and prints with: as much of it as that program uses.
package tap

import (
	"encoding/json"
	"fmt"
)

// T counts what was tested.
type T struct {
	count int
	todo  bool
}

// New begins to count.
func New() *T { return &T{} }

// Header says what follows; how many is told at the end.
func (t *T) Header(int) { fmt.Println("TAP version 13") }

// Ok is one test.
func (t *T) Ok(passed bool, name string) {
	t.count++
	if !passed {
		fmt.Print("not ")
	}
	fmt.Printf("ok %d - %s", t.count, name)
	if t.todo {
		fmt.Print(" # TODO")
	}
	fmt.Println()
	t.todo = false
}

// Pass is a test that passed.
func (t *T) Pass(name string) { t.Ok(true, name) }

// Fail is a test that failed.
func (t *T) Fail(name string) { t.Ok(false, name) }

// Todo marks the next test as one that may fail.
func (t *T) Todo() *T {
	t.todo = true
	return t
}

// Skip is tests that were not made.
func (t *T) Skip(count int, why string) {
	for ; count > 0; count-- {
		t.count++
		fmt.Printf("ok %d # SKIP %s\n", t.count, why)
	}
}

// YAML tells more of the last test.
func (t *T) YAML(value interface{}) error {
	text, err := json.Marshal(value)
	if err == nil {
		fmt.Printf("# %s\n", text)
	}
	return err
}

// AutoPlan tells how many tests there were.
func (t *T) AutoPlan() { fmt.Printf("1..%d\n", t.count) }

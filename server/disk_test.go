package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

// smallDisk mounts a file system of the given size.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root mounts a file system")
	}
	dir, err := os.MkdirTemp("/tmp", "anton-disk-") // the parents of t.TempDir are closed to the user who runs PostgreSQL
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "mode=711,size="+size, "anton-test", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot mount a small file system here: %s", out)
	}
	t.Cleanup(func() {
		for range 500 { // a process of PostgreSQL may be a moment late in leaving
			if exec.Command("umount", dir).Run() == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("%s is still mounted", dir)
	})
	return dir
}

// fill takes all the space that is left.
func fill(t *testing.T, name string) {
	t.Helper()
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for block := make([]byte, 4096); ; {
		if _, err := file.Write(block); err != nil {
			return
		}
	}
}

// TestAFullDiskRefusesAndLosesNothing fills the disk under a server that runs its own PostgreSQL. What was acknowledged is there when
// the disk has space again, and what was refused can be sent again with its key.
func TestAFullDiskRefusesAndLosesNothing(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "160m")
	data, filler := filepath.Join(disk, "data"), filepath.Join(disk, "filler")
	server := start(t, data, "DATABASE_URL=")
	maria := server.must(t, "POST", "/v1/beneficiaries", "", testserver.Maria)["id"].(string)
	order := `{"beneficiary_id":"` + maria + `","amount":"1.00","currency":"USD"}`
	acknowledged := map[string]string{} // by key
	pay := func(p *process, key string) (status int) {
		t.Helper()
		status, text, err := p.send("POST", "/v1/payouts", key, order)
		if err != nil {
			t.Fatal(err)
		}
		var envelope struct {
			Data  struct{ ID string }
			Error struct{ Code string }
		}
		if err := json.Unmarshal([]byte(text), &envelope); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		switch {
		case status == http.StatusCreated:
			if first := acknowledged[key]; first != "" && first != envelope.Data.ID {
				t.Errorf("%s was payout %s and is now %s", key, first, envelope.Data.ID)
			}
			acknowledged[key] = envelope.Data.ID
		case status != http.StatusServiceUnavailable || envelope.Error.Code != "unavailable":
			t.Errorf("a payout on a full disk: %d %s", status, text)
		}
		return status
	}
	pay(server, "before")
	fill(t, filler)

	var keys []string
	for refused := 0; refused < 5 && len(keys) < 400; {
		keys = append(keys, fmt.Sprint("key ", len(keys)))
		if status := pay(server, keys[len(keys)-1]); status == http.StatusServiceUnavailable {
			refused++
		}
		if status, text, err := server.send("POST", "/v1/beneficiaries", "", large(len(keys))); err != nil || (status != http.StatusCreated && status != http.StatusServiceUnavailable) {
			t.Errorf("a beneficiary on a full disk: %d %.300s %v", status, text, err)
		}
	}
	t.Logf("%d of %d payouts were acknowledged", len(acknowledged), len(keys)+1)
	if len(acknowledged) > len(keys) {
		t.Error("the disk was never full")
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	_ = server.command.Process.Signal(os.Interrupt)
	_ = server.command.Wait() // PostgreSQL may have ended before it; that it can start again is what counts

	again := start(t, data, "DATABASE_URL=")
	for key, id := range acknowledged {
		if got := again.must(t, "GET", "/v1/payouts/"+id, "", ""); got["id"] != id {
			t.Errorf("the payout of %q, %s, is lost", key, id)
		}
	}
	for _, key := range keys {
		if status := pay(again, key); status != http.StatusCreated {
			t.Errorf("%q sent again: %d", key, status)
		}
	}
	want := fmt.Sprintf("%d.00", 50_000-len(acknowledged))
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		balance := again.must(t, "GET", "/v1/balances/USD", "", "")
		if balance["total"] == want && balance["held"] == "0.00" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %d payouts of 1.00 the balance is %v", len(acknowledged), balance)
		}
	}
	if out, told, err := anton(t, []string{"ANTON_DATA=" + data, "DATABASE_URL="}, "ledger", "check"); err != nil {
		t.Errorf("the ledger: %v: %s %s", err, out, told)
	}
	again.stop(t)
}

// large is a new beneficiary with as much metadata as the contract allows, which no compression makes smaller.
func large(i int) string {
	var metadata []string
	for range 50 {
		metadata = append(metadata, fmt.Sprintf("%q:%q", rand.Text(), random(490)))
	}
	return strings.NewReplacer("9876543210", fmt.Sprint(7876543210+i), `"type"`, `"metadata": {`+strings.Join(metadata, ",")+`}, "type"`).Replace(testserver.Maria)
}

func random(length int) string {
	var text strings.Builder
	for text.Len() < length {
		text.WriteString(rand.Text())
	}
	return text.String()[:length]
}

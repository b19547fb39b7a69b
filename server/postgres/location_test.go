package postgres

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestWhatCannotBeADataDirectoryIsRefusedInASentence(t *testing.T) {
	t.Parallel()
	installed := &cluster{Options: options(t, reachableDir(t))}
	if err := installed.chooseUser(); err != nil {
		t.Fatal(err)
	}
	if _, err := installed.findOrInstall(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		arrange func(t *testing.T, dir string)
		within  string // of the directory that is arranged
		says    []string
	}{
		"a file":              {func(t *testing.T, dir string) { write(t, dir+"/data", "x") }, "data", []string{"/data is a file"}},
		"below a file":        {func(t *testing.T, dir string) { write(t, dir+"/data", "x") }, "data/below", []string{"one of its parents is a file"}},
		"a file as cluster":   {func(t *testing.T, dir string) { write(t, dir+"/pg", "x") }, "", []string{"/pg is a file", "move it away"}},
		"foreign files":       {func(t *testing.T, dir string) { write(t, dir+"/pg/notes", "x") }, "", []string{"/pg is not a complete PostgreSQL database"}},
		"half a cluster":      {func(t *testing.T, dir string) { write(t, dir+"/pg/PG_VERSION", "15\n") }, "", []string{"/pg is not a complete PostgreSQL database"}},
		"a later major":       {fakeCluster("99"), "", []string{"made by PostgreSQL 99", "this machine has PostgreSQL", "postgresql-99", "pg_upgrade"}},
		"an earlier major":    {fakeCluster("14"), "", []string{"made by PostgreSQL 14", "Anton needs 15 or newer", "pg_upgrade"}},
		"a senseless pointer": {func(t *testing.T, dir string) { write(t, dir+"/"+pointerFile, "somewhere\n") }, "", []string{pointerFile, "delete it"}},
		"a broken pointer":    {func(t *testing.T, dir string) { write(t, dir+"/"+pointerFile, dir+"/gone\n") }, "", []string{pointerFile, "/gone, where there is none"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := reachableDir(t)
			c.arrange(t, dir)
			before := tree(t, dir)
			mustSay(t, refuses(t, options(t, filepath.Join(dir, c.within))), c.says...)
			if after := tree(t, dir); after != before {
				t.Errorf("the refusal changed the directory from %s to %s", before, after)
			}
		})
	}
}

func fakeCluster(major string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		write(t, dir+"/pg/PG_VERSION", major+"\n")
		write(t, dir+"/pg/global/pg_control", "x")
	}
}

// tree lists the files below dir, without our locks.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if !strings.HasSuffix(path, ".lock") {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

// closedDir is a directory that only root can enter, like one under /root.
func closedDir(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root runs PostgreSQL as another user")
	}
	base := reachableDir(t)
	if err := os.Chmod(base, 0o700); err != nil {
		t.Fatal(err)
	}
	return base
}

//nolint:paralleltest // it changes where such homes are made
func TestRootsClosedDirectoryGetsAHomeElsewhere(t *testing.T) {
	base := closedDir(t)
	was := elsewhere
	elsewhere = filepath.Join(reachableDir(t), "anton")
	t.Cleanup(func() { elsewhere = was })
	o := options(t, filepath.Join(base, "data"))

	p := start(t, o)
	home := p.current().home
	if !strings.HasPrefix(home, elsewhere+"/"+filepath.Base(base)+"-data-") {
		t.Fatalf("the cluster is in %s", home)
	}
	execute(t, p, "create table kept as select 1")
	halt(t, p)

	t.Run("a moved directory finds it", func(t *testing.T) {
		moved := o
		moved.Dir = filepath.Join(base, "moved")
		if err := os.Rename(o.Dir, moved.Dir); err != nil {
			t.Fatal(err)
		}
		p := start(t, moved)
		if query[int](t, p, "anton_owner", "select count(*) from kept") != 1 {
			t.Error("the data is gone")
		}
		halt(t, p)
		if err := os.Rename(moved.Dir, o.Dir); err != nil {
			t.Fatal(err)
		}
		halt(t, start(t, o))
	})
	t.Run("a copied directory does not share it", func(t *testing.T) {
		twin := o
		twin.Dir = filepath.Join(base, "copy")
		copyTree(t, o.Dir, twin.Dir)
		mustSay(t, refuses(t, twin), "is a copy of "+o.Dir, "delete "+filepath.Join(twin.Dir, pointerFile))
		if err := os.Remove(filepath.Join(twin.Dir, pointerFile)); err != nil {
			t.Fatal(err)
		}
		if q := start(t, twin); q.current().home == home {
			t.Error("the copy shares the original's cluster")
		}
	})
	t.Run("a new directory of the same name begins empty", func(t *testing.T) {
		if err := os.RemoveAll(o.Dir); err != nil {
			t.Fatal(err)
		}
		p := start(t, o)
		if p.current().home != home+"-2" {
			t.Errorf("the cluster is in %s", p.current().home)
		}
		if query[bool](t, p, "anton_owner", "select to_regclass('kept') is not null") {
			t.Error("the removed directory's data came back")
		}
	})
	t.Run("a throwaway cluster leaves nothing there", func(t *testing.T) {
		short := options(t, filepath.Join(base, "short"))
		p := start(t, short)
		stop(t, p)
		if _, err := os.Stat(p.current().home); err == nil {
			t.Errorf("%s is still there", p.current().home)
		}
		stop(t, start(t, short))
	})
}

func TestClusterThatBecameUnreachableIsNamedWithItsClosedParent(t *testing.T) {
	t.Parallel()
	base := closedDir(t)
	if err := os.Chmod(base, 0o711); err != nil {
		t.Fatal(err)
	}
	o := options(t, filepath.Join(base, "data"))
	stop(t, start(t, o))
	if err := os.Chmod(base, 0o700); err != nil {
		t.Fatal(err)
	}
	mustSay(t, refuses(t, o), "cannot pass through "+base+" ", "chmod o+x")
}

// A full disk ends in a sentence, and freeing space is all that it takes.
func TestFullDiskIsToldAndSurvived(t *testing.T) {
	t.Parallel()
	base := smallDisk(t, "60m")
	o := options(t, filepath.Join(base, "data"))
	o.Throwaway = false
	filler := filepath.Join(base, "filler")
	fill(t, filler, 40<<20)
	mustSay(t, refuses(t, o), "No space left on device")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	stop(t, start(t, o))
	fill(t, filler, 1<<30)
	mustSay(t, refuses(t, o), "No space left on device")
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	start(t, o)
}

// smallDisk mounts a file system of the given size.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root mounts a file system")
	}
	dir := reachableDir(t)
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "mode=711,size="+size, "anton-test", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot mount a small file system here: %s", out)
	}
	t.Cleanup(func() {
		// A process of PostgreSQL may be a moment late in leaving.
		for range 100 {
			if exec.Command("umount", dir).Run() == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Errorf("%s is still mounted", dir)
	})
	return dir
}

// fill writes up to size bytes, or as much as fits.
func fill(t *testing.T, name string, size int) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 4096); size > 0; size -= len(block) {
		if _, err := f.Write(block); err != nil {
			return
		}
	}
}

func TestShortNamesAreShortAndDiffer(t *testing.T) {
	t.Parallel()
	for dir, want := range map[string]string{
		"/root/anton/data": "anton-data-",
		"/root/an ton/d,ä": "anton-d-",
		"/":                "--",
		"/" + strings.Repeat("long", 60) + "/data": strings.Repeat("long", 8) + "-",
	} {
		if got := shortName(dir); !strings.HasPrefix(got, want) || len(got) != len(want)+8 {
			t.Errorf("%s: got %s", dir, got)
		}
	}
	if shortName("/a/b") == shortName("/a/ b") {
		t.Error("two paths have one name")
	}
}

func TestDeadProcessesAreNotAlive(t *testing.T) {
	t.Parallel()
	if !alive(os.Getpid()) {
		t.Error("this process is not alive")
	}
	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, cmd.Process.Pid) // nobody has waited for it: it is a zombie
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if alive(cmd.Process.Pid) {
		t.Error("a buried process is alive")
	}
}

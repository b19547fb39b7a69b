package postgres

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// publish serves the tree dir as Zonky publishes PostgreSQL: a jar with one .txz,
// and its checksum. entry is the archive's name for the tree.
func publish(t *testing.T, dir, entry, checksum string) string {
	t.Helper()
	txz, err := exec.Command("tar", "-cJf", "-", "--transform=s,^[.],"+entry+",", "-P", "-C", dir, ".").Output()
	if err != nil {
		t.Skipf("needs GNU tar and xz to make an archive: %v", err)
	}
	var jar bytes.Buffer
	archive := zip.NewWriter(&jar)
	for name, content := range map[string][]byte{"META-INF/MANIFEST.MF": nil, "postgres-linux-x86_64.txz": txz} {
		file, err := archive.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if checksum == "" {
		sum := sha256.Sum256(jar.Bytes())
		checksum = hex.EncodeToString(sum[:])
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case !strings.HasPrefix(path, "/io/zonky/test/postgres/embedded-postgres-binaries-"):
			http.NotFound(w, r)
		case strings.HasSuffix(path, ".jar.sha256"):
			_, _ = w.Write([]byte(checksum))
		case strings.HasSuffix(path, ".jar"):
			_, _ = w.Write(jar.Bytes())
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Not parallel: it runs programs that it has written.
//
//nolint:paralleltest // it runs programs that it has written, which fails while another test forks
func TestDownloadedProgramsAppearWholeOrNotAtAll(t *testing.T) {
	good, useless := t.TempDir(), t.TempDir()
	fakePrograms(t, filepath.Join(good, "bin"), "18.3")
	if err := os.Symlink("postgres", filepath.Join(good, "bin", "postmaster")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(useless, "bin", "README"), "nothing to run")
	for name, c := range map[string]struct {
		repository string
		major      int
		says       string
	}{
		"whole":               {repository: publish(t, good, ".", "")},
		"altered on its way":  {repository: publish(t, good, ".", strings.Repeat("0", 64)), says: "does not have the checksum"},
		"out of its place":    {repository: publish(t, good, "../../outside", ""), says: "unpack "},
		"without programs":    {repository: publish(t, useless, ".", ""), says: "does not run here"},
		"nobody there":        {repository: "http://127.0.0.1:1", says: "connection refused"},
		"not there":           {repository: publish(t, good, ".", "") + "/elsewhere", says: "404"},
		"of an unknown major": {repository: publish(t, good, ".", ""), major: 99, says: "no build of PostgreSQL 99"},
	} {
		t.Run(name, func(t *testing.T) {
			base := reachableDir(t)
			cache := filepath.Join(base, "a", "cache")
			if err := os.MkdirAll(cache, 0o755); err != nil {
				t.Fatal(err)
			}
			cluster := &cluster{Options: Options{Log: slog.New(slog.DiscardHandler)}}
			if err := cluster.chooseUser(); err != nil {
				t.Fatal(err)
			}
			cluster.major = c.major
			err := cluster.download(t.Context(), c.repository, cache)
			if c.says != "" {
				if err == nil {
					t.Fatal("it was accepted")
				}
				mustSay(t, err.Error(), c.says)
				if after := tree(t, base); after != base+" "+filepath.Dir(cache)+" "+cache {
					t.Errorf("it left %s", after)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			b, err := find(t.Context(), 18, cluster.as, []string{filepath.Join(cache, "[0-9]*", "bin")})
			if err != nil || b.dir != filepath.Join(cache, downloadable[18], "bin") {
				t.Errorf("found %s, %v", b.dir, err)
			}
			if link, err := os.Readlink(filepath.Join(b.dir, "postmaster")); err != nil || link != "postgres" {
				t.Errorf("the link leads to %q, %v", link, err)
			}
		})
	}
}

// FuzzUnpackTar: whatever an archive says, nothing appears outside the directory.
func FuzzUnpackTar(f *testing.F) {
	for _, header := range []*tar.Header{
		{Name: "bin/postgres", Typeflag: tar.TypeReg, Mode: 0o755},
		{Name: "../outside", Typeflag: tar.TypeReg},
		{Name: "/outside", Typeflag: tar.TypeReg},
		{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "../.."},
		{Name: "a/../../outside", Typeflag: tar.TypeDir},
	} {
		var archive bytes.Buffer
		out := tar.NewWriter(&archive)
		if err := errors.Join(out.WriteHeader(header), out.WriteHeader(&tar.Header{Name: "link/outside", Typeflag: tar.TypeReg}), out.Close()); err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Bytes())
	}
	f.Fuzz(func(t *testing.T, archive []byte) {
		around := t.TempDir()
		dir := filepath.Join(around, "inside")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		_ = unpackTar(tar.NewReader(bytes.NewReader(archive)), dir) // an error is as good as files
		if found, err := os.ReadDir(around); err != nil || len(found) != 1 {
			t.Fatalf("outside the directory there is %v, %v", found, err)
		}
	})
}

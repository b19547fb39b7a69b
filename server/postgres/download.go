package postgres

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/xi2/xz"
)

const (
	mavenCentral    = "https://repo1.maven.org/maven2"
	longestDownload = 10 * time.Minute
	largestDownload = 128 << 20 // bytes; an archive has about 15 MB
	largestUnpacked = 1 << 30   // bytes
)

// downloadable are the releases taken from Zonky's builds of PostgreSQL
// (https://github.com/zonkyio/embedded-postgres-binaries), one for each major
// version; a new cluster gets newestDownload.
var downloadable = map[int]string{15: "15.13.0", 16: "16.9.0", 17: "17.5.0", 18: "18.3.0"}

const newestDownload = 18

// downloadCache is where downloaded programs are kept. Root's own cache is
// closed to the user that runs PostgreSQL.
func downloadCache() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache/anton/postgresql", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a place for PostgreSQL's programs (set HOME): %w", err)
	}
	return filepath.Join(dir, "anton", "postgresql"), nil
}

// download fetches PostgreSQL's programs into cache/<version>. They appear there
// whole, tried by the user that will run them, or not at all.
func (c *cluster) download(ctx context.Context, repository, cache string) error {
	major := c.major
	if major == 0 {
		major = newestDownload
	}
	version, ok := downloadable[major]
	if !ok {
		return fmt.Errorf("no build of PostgreSQL %d is known", major)
	}
	ctx, cancel := context.WithTimeout(ctx, longestDownload)
	defer cancel()
	c.Log.Info("downloading PostgreSQL (about 15 MB)…", "version", version)
	address := archiveURL(repository, version)
	archive, err := fetch(ctx, address)
	if err != nil {
		return err
	}
	sum, err := fetch(ctx, address+".sha256")
	if err != nil {
		return err
	}
	if got := sha256.Sum256(archive); firstLine(string(sum)) != hex.EncodeToString(got[:]) {
		return fmt.Errorf("%s does not have the checksum that is published with it", address)
	}
	fresh, err := os.MkdirTemp(cache, "new-*")
	if err != nil {
		return fmt.Errorf("make a place for PostgreSQL's programs: %w", err)
	}
	defer os.RemoveAll(fresh)
	if err := unpackArchive(archive, fresh); err != nil {
		return fmt.Errorf("unpack %s: %w", address, err)
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return fmt.Errorf("open PostgreSQL's programs to the user that runs them: %w", err)
	}
	if _, err := probe(ctx, filepath.Join(fresh, "bin"), c.as); err != nil {
		return fmt.Errorf("the downloaded PostgreSQL does not run here: %w", err)
	}
	place := filepath.Join(cache, version)
	if err := os.RemoveAll(place); err != nil { // only there if it no longer ran
		return fmt.Errorf("replace PostgreSQL's programs: %w", err)
	}
	if err := os.Rename(fresh, place); err != nil {
		return fmt.Errorf("put PostgreSQL's programs in their place: %w", err)
	}
	return nil
}

// archiveURL names the build for this system as its publisher does.
func archiveURL(repository, version string) string {
	arch := runtime.GOARCH
	if arch == "arm64" {
		arch = "arm64v8"
	}
	if _, err := os.Stat("/etc/alpine-release"); err == nil {
		arch += "-alpine" // musl
	}
	name := "embedded-postgres-binaries-" + runtime.GOOS + "-" + arch
	return fmt.Sprintf("%s/io/zonky/test/postgres/%s/%s/%[2]s-%[3]s.jar", repository, name, version)
}

func fetch(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if cause, ok := errors.AsType[*url.Error](err); ok {
			err = cause.Err
		}
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get %s: %s", address, res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, largestDownload+1))
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", address, err)
	}
	if len(body) > largestDownload {
		return nil, fmt.Errorf("get %s: more than %d bytes", address, largestDownload)
	}
	return body, nil
}

// unpackArchive unpacks the .txz inside the jar into dir, and nothing outside it.
func unpackArchive(jar []byte, dir string) error {
	outer, err := zip.NewReader(bytes.NewReader(jar), int64(len(jar)))
	if err != nil {
		return err
	}
	for _, file := range outer.File {
		if path.Ext(file.Name) != ".txz" {
			continue
		}
		inner, err := file.Open()
		if err != nil {
			return err
		}
		defer inner.Close() //nolint:gocritic // the loop ends with this file
		plain, err := xz.NewReader(inner, 0)
		if err != nil {
			return err
		}
		return unpackTar(tar.NewReader(io.LimitReader(plain, largestUnpacked)), dir)
	}
	return errors.New("it holds no .txz archive")
}

func unpackTar(archive *tar.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := filepath.Clean(strings.TrimLeft(header.Name, "/"))
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		switch header.Typeflag {
		case tar.TypeDir:
			err = root.MkdirAll(name, 0o755)
		case tar.TypeSymlink:
			err = root.Symlink(header.Linkname, name)
		case tar.TypeReg:
			err = unpackFile(root, name, header.FileInfo().Mode().Perm(), archive)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

func unpackFile(root *os.Root, name string, mode fs.FileMode, content io.Reader) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return root.Chmod(name, mode|0o444) // whatever the umask is
}

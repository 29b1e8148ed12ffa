package sls

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
)

// loadRoots returns the system's certificate authorities and those of a PEM file;
// nil, which means the system's, without a file. Its errors do not repeat the
// name.
func loadRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file) //nolint:gosec // the file the operator names
	if err != nil {
		var at *fs.PathError
		if errors.As(err, &at) {
			err = at.Err
		}
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // a host without any: the file has to do
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("no PEM certificate in it")
	}
	return roots, nil
}

func checkCAFile(file string) error {
	_, err := loadRoots(file)
	return err
}

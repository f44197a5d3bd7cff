# SPDX-License-Identifier: GPL-2.0-or-later
# need: g++
set -e
cat >a.cc <<'X'
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <future>
#include <iostream>
#include <stdexcept>
#include <thread>
#include <vector>
namespace fs = std::filesystem;
int main(int, char **)
{
	std::vector<std::thread> t;
	for (int i = 0; i < 8; i++)
		t.emplace_back([i] { std::ofstream("t" + std::to_string(i)) << std::string(i * 1000, 'x'); });
	for (auto &x : t) x.join();
	fs::create_directories("d/e"); fs::copy("t3", "d/c"); fs::rename("t4", "d/e/m"); fs::create_symlink("c", "d/l");
	std::vector<std::string> v;
	for (auto &p : fs::recursive_directory_iterator("d")) v.push_back(p.path().string());
	std::sort(v.begin(), v.end());
	for (auto &s : v) std::cout << s << "\n";
	std::cout << fs::file_size("d/c") << " " << fs::equivalent("t3", "d/c") << fs::is_symlink("d/l") << "\n";
	std::fstream f("t5", std::ios::in | std::ios::out); f.seekp(10); f << "mid"; f.seekg(8); std::string s(7, ' '); f.read(s.data(), 7); std::cout << s << "\n";
	try { fs::remove("d"); } catch (const fs::filesystem_error &e) { std::cout << e.code().value() << "\n"; }
	std::cout << fs::remove_all("d") << " " << std::async(std::launch::async, [] { return 7; }).get() << "\n";
	try { throw std::runtime_error("thrown"); } catch (const std::exception &e) { std::cout << e.what() << "\n"; }
}
X
g++ -std=c++17 -O1 -o scratch-a a.cc; ./scratch-a

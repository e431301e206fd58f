<#
.SYNOPSIS
Installs agentpkg on Windows from an unpacked release. It needs no administrator.

.DESCRIPTION
    .\install.ps1                     checks agentpkg.exe against SHA256SUMS and copies it
    .\install.ps1 -Archive FILE.zip   installs from an archive; SHA256SUMS must be in the same folder
    .\install.ps1 -Uninstall          removes what an earlier run installed

It never overwrites a program that it did not install, unless -Force is given, and it does not change the PATH.

.PARAMETER Prefix
The folder to install into. The program goes to its bin folder.

.PARAMETER Archive
An archive of a release.

.PARAMETER Force
Replace a program that this script did not install.

.PARAMETER DryRun
Show what would be done, and stop.

.PARAMETER Uninstall
Remove the program that an earlier run installed.
#>
[CmdletBinding()]
param(
    [string] $Prefix = '',
    [string] $Archive = '',
    [switch] $Force,
    [switch] $DryRun,
    [switch] $Uninstall
)
Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'

function Fail([string] $Message, [string] $Hint = '') {
    [Console]::Error.WriteLine("error: $Message")
    if ($Hint) { [Console]::Error.WriteLine("`nhint: $Hint") }
    exit 1
}

# Compares a file with its line in SHA256SUMS.
function Confirm-Sum([string] $File, [string] $Name, [string] $Sums) {
    if (-not (Test-Path -LiteralPath $Sums)) { Fail "$Sums is missing" 'get both files from the same release' }
    $pattern = '^([0-9a-fA-F]{64}) +\*?' + [regex]::Escape($Name) + '$'
    $wanted = ''
    foreach ($line in Get-Content -LiteralPath $Sums) {
        if ($line -match $pattern) { $wanted = $Matches[1] }
    }
    if (-not $wanted) { Fail "$Name is not in $Sums" 'get both files from the same release' }
    if ((Get-FileHash -LiteralPath $File -Algorithm SHA256).Hash -ne $wanted) {
        Fail "$Name does not have the checksum in $Sums, so nothing was installed" 'download it again'
    }
}

if (-not $Prefix) {
    if (-not $env:LOCALAPPDATA) { Fail 'there is no folder to install into' 'name one with -Prefix' }
    $Prefix = Join-Path $env:LOCALAPPDATA 'Programs\agentpkg'
}
$bin = Join-Path $Prefix 'bin'
$program = Join-Path $bin 'agentpkg.exe'
# This file says that the program is ours.
$mark = Join-Path $Prefix 'installed'

if ($Uninstall) {
    if (-not (Test-Path -LiteralPath $mark)) { Fail "nothing is installed in $Prefix" 'name the folder with -Prefix' }
    Write-Output "Removing agentpkg from $Prefix"
    Write-Output "  $program"
    if ($DryRun) { exit 0 }
    foreach ($file in @($program, $mark)) {
        if (Test-Path -LiteralPath $file) { Remove-Item -LiteralPath $file }
    }
    foreach ($folder in @($bin, $Prefix)) {
        # A folder with other files stays.
        if ((Test-Path -LiteralPath $folder) -and -not (Get-ChildItem -LiteralPath $folder -Force)) {
            Remove-Item -LiteralPath $folder
        }
    }
    exit 0
}

$work = ''
try {
    $release = $PSScriptRoot
    if ($Archive) {
        if (-not (Test-Path -LiteralPath $Archive)) { Fail "there is no file $Archive" }
        $Archive = (Resolve-Path -LiteralPath $Archive).ProviderPath
        Confirm-Sum $Archive (Split-Path -Leaf $Archive) (Join-Path (Split-Path -Parent $Archive) 'SHA256SUMS')
        $work = Join-Path ([IO.Path]::GetTempPath()) ('agentpkg-' + [Guid]::NewGuid())
        Expand-Archive -LiteralPath $Archive -DestinationPath $work
        $found = @(Get-ChildItem -LiteralPath $work -Recurse -Filter 'agentpkg.exe')
        if (-not $found) { Fail "$Archive does not contain agentpkg.exe" }
        $release = $found[0].DirectoryName
    }
    $source = Join-Path $release 'agentpkg.exe'
    if (-not (Test-Path -LiteralPath $source)) {
        Fail "there is no agentpkg.exe in $release" 'run the script in an unpacked release; in a checkout, run `cargo install --path .`'
    }
    Confirm-Sum $source 'agentpkg.exe' (Join-Path $release 'SHA256SUMS')
    Write-Output 'Installing agentpkg from this release'
    Write-Output "  program  $program"
    if ((Test-Path -LiteralPath $program) -and -not (Test-Path -LiteralPath $mark) -and -not $Force) {
        Fail "$program exists, and this script did not install it" 'move it away, or replace it with -Force'
    }
    if ($DryRun) { exit 0 }
    New-Item -ItemType Directory -Force -Path $bin | Out-Null
    Copy-Item -LiteralPath $source -Destination $program -Force
    Set-Content -LiteralPath $mark -Value 'bin\agentpkg.exe'
} finally {
    if ($work -and (Test-Path -LiteralPath $work)) { Remove-Item -LiteralPath $work -Recurse -Force }
}

Write-Output "Installed $(& $program --version)"
if (($env:PATH -split ';') -notcontains $bin) { Write-Output "Add $bin to your PATH." }
Write-Output 'Completions: agentpkg completions powershell --install'
Write-Output 'Try: agentpkg install backend-architect'
